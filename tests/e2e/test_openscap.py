"""OpenSCAP on a booted node: brought for the scan and gone after it, and its rules name a planted fault."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from imagekit.base.process import background
from imagekit.base.waiting import Deadline, wait_until
from tests.e2e.conftest import IMAGE, Clone, environment, last_result
from tests.support.plantedfaults import OPENSCAP, NodeFault

pytestmark = [pytest.mark.vm, pytest.mark.online]


@dataclass(frozen=True, slots=True)
class Kept:
    """A run that keeps its node, which the scanner has judged; `code` is how it ended, None before it did."""

    clone: Clone
    code: Callable[[], int | None]

    def end(self) -> None:
        """Give the node back and wait for the run."""
        self.clone.imagekit("machines", "stop")
        wait_until(lambda: self.code() is not None, Deadline.after(120), what="the end of the run")


@pytest.fixture(scope="module")
def kept(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    log = tmp_path_factory.mktemp("openscap") / "log"
    asked = ("test", IMAGE, "--suite", "openscap", "--keep", "--keep-for", "1")
    with background(clone.argv(*asked), log=log, env=environment(), cwd=clone.root) as run:

        def there() -> bool:
            assert run.poll() is None, log.read_text()[-6000:]
            return IMAGE in clone.imagekit("machines", "list").stdout

        wait_until(there, Deadline.after(2400), what="a node that the scanner judged", every=5)
        yield Kept(clone, run.poll)
        clone.imagekit("machines", "stop")


@pytest.mark.nightly(minutes=11)
def test_nothing_that_was_brought_stays_on_the_node(kept: Kept) -> None:
    there = kept.clone.imagekit("shell", IMAGE, "--", "sudo ls /run/imagekit-openscap; command -v oscap")
    assert there.returncode != 0
    assert "No such file" in there.stderr
    assert not there.stdout.strip()


@pytest.mark.nightly(minutes=4)
@pytest.mark.parametrize("fault", OPENSCAP, ids=lambda fault: fault.name)
def test_a_planted_fault_is_named_by_its_rule(kept: Kept, fault: NodeFault) -> None:
    assert kept.clone.imagekit("shell", IMAGE, "--", fault.plant).returncode == 0
    try:
        done = kept.clone.imagekit("check", IMAGE)
    finally:
        assert kept.clone.imagekit("shell", IMAGE, "--", fault.heal).returncode == 0
    assert done.returncode == 1, done.stdout + done.stderr
    assert [line for line in done.stderr.splitlines() if fault.says in line], done.stderr[-4000:]
    healed = kept.clone.imagekit("check", IMAGE)
    assert healed.returncode == 0, healed.stdout + healed.stderr


@pytest.mark.nightly(minutes=0.1)
def test_the_result_has_what_was_judged_and_the_scanners_own_file(kept: Kept) -> None:
    kept.end()
    assert kept.code() == 0
    result = last_result(kept.clone)
    (scan,) = result["suites"]["scans"]
    file = kept.clone.work / "runs" / result["run_id"] / "suite-openscap/direct/openscap-results.xml"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == scan["results"]
    rules = [check for check in result["suites"]["checks"] if "::test_rule[" in check["id"]]
    assert len(rules) == sum(scan["counts"].values()) - len(scan["not_applicable"])
    assert sum(check["outcome"] == "passed" for check in rules) == scan["counts"]["pass"] > 0
