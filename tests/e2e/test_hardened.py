"""On a booted node: the runbook's commands run, planted faults are named, and other shapes of machines boot."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from imagekit.base.process import background
from imagekit.base.waiting import Deadline, wait_until
from tests.e2e.conftest import IMAGE, Clone, environment
from tests.support.plantedfaults import HARDENING
from tests.support.runbook import FOLDER, node_commands

pytestmark = [pytest.mark.vm, pytest.mark.online]
# What a look may end with: nothing found (grep 1, systemctl status of an inactive unit 3, getent 2).
SENSIBLE = {"0", "1", "3"}
COMMANDS = sorted({command for page in FOLDER.glob("*.md") for command in node_commands(page.read_text())})
EACH = (
    'while IFS= read -r c; do timeout 90 bash -c "$c" >/dev/null 2>/tmp/e </dev/null; '
    'echo "=$? $c: $(tail -n 1 /tmp/e)"; done'
)


@dataclass(frozen=True, slots=True)
class Node:
    """The machine that a run keeps."""

    clone: Clone

    def sh(self, script: str) -> str:
        """Run a script there as the operator; returns what it wrote."""
        coded = base64.b64encode(script.encode()).decode()
        done = self.clone.imagekit("shell", IMAGE, "--", f"echo {coded} | base64 -d | bash")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def kept(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node on the direct boot path that passed both suites, kept until the tests are over."""
    log = tmp_path_factory.mktemp("kept") / "log"
    asked = ("test", IMAGE, "--boot", "direct", "--suite", "hardening,kernel", "--keep", "--keep-for", "1")
    with background(clone.argv(*asked), log=log, env=environment(), cwd=clone.root) as run:

        def there() -> bool:
            assert run.poll() is None, log.read_text()[-6000:]
            return IMAGE in clone.imagekit("machines", "list").stdout

        wait_until(there, Deadline.after(2400), what="a node that passed both suites", every=5)
        said = log.read_text().rpartition("Checks, direct boot path")[2].partition("\n")[0]
        assert re.fullmatch(r": \d+ passed(, (\d+) failed \(\2 of them warn only\))?  .*", said), said
        yield Node(clone)
        clone.imagekit("machines", "stop")


@pytest.mark.nightly(minutes=6)
def test_every_command_of_the_runbook_runs_on_a_node(kept: Node) -> None:
    """None is misspelt, asks for a program that the node lacks, or waits for somebody."""
    written = kept.sh(f"cat <<'END' | ({EACH})\n" + "\n".join(COMMANDS) + "\nEND\n")
    lines = [line[1:] for line in written.splitlines() if line.startswith("=")]
    assert len(lines) == len(COMMANDS)
    assert [line for line in lines if line.split(" ", 1)[0] not in SENSIBLE] == []


@pytest.mark.nightly(minutes=2)
@pytest.mark.parametrize("name", HARDENING)
def test_a_planted_fault_is_named(kept: Node, name: str) -> None:
    fault = HARDENING[name]  # found by its control alone
    kept.sh(fault.plant)
    try:
        done = kept.clone.imagekit("check", IMAGE, "--suite", "hardening")
    finally:
        kept.sh(fault.heal)
    assert done.returncode == 1, done.stdout + done.stderr
    told = [line for line in done.stderr.splitlines() if f"hardening {name}, " in line and " failed" in line]
    assert told, done.stderr[-4000:]
    assert fault.says in " ".join(told)


@pytest.mark.nightly(minutes=8)
@pytest.mark.parametrize("shape", ["vsphere-like", "nvme"])
def test_an_installed_node_boots_on_another_shape_of_machine(clone: Clone, shape: str) -> None:
    done = clone.imagekit("test", IMAGE, "--boot", "installed", "--firmware", shape, "--suite", "kernel", "--cold")
    assert done.returncode == 0, done.stdout + done.stderr[-6000:]
