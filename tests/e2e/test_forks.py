"""Forks of the real image: a changed check in seconds, nothing that goes from one to the other, four at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.app import bootpath
from imagekit.app.forks import saved_nodes, session_machine
from imagekit.app.interface import Subject
from imagekit.build.result import earlier_build
from imagekit.config.load import load_project
from imagekit.machine.domain import Domain
from imagekit.machine.hardware import NodeHardware
from imagekit.machine.identity import renaming
from imagekit.machine.interface import BootPath, Start
from imagekit.machine.node import InstalledNode
from imagekit.plan.resolve import make_plan
from tests.e2e.conftest import IMAGE, Clone, First, last_result

pytestmark = [pytest.mark.vm, pytest.mark.registry, pytest.mark.online]

MORE = '''

def test_the_shell_counts(host: Host) -> None:
    """The shell adds numbers."""
    assert host.run("echo $((1 + 1))").stdout == "2\\n"
'''
# Where one fork leaves something, and where another would find it.
PLACES = ("/etc/leak", "/var/leak", "/tmp/leak", "/run/leak", "/srv/leak", "/dev/shm/leak")
RESEEDED = "crng reseeded due to virtual machine fork"


def test_a_changed_check_is_judged_on_a_fork(pristine: Clone, first: First) -> None:
    path = pristine.root / "vm-harness/checks/base/test_root.py"
    path.write_text(path.read_text() + MORE)
    done = pristine.imagekit("test", IMAGE, "--boot", "direct")
    assert done.returncode == 0, done.stderr
    found = last_result(pristine)
    (boot,) = found["boots"]
    assert (boot["start"], boot["boot_path"]) == ("fork", "direct"), boot["reason"]
    assert boot["seconds_to_ssh"] < boot["cold_seconds"] / 2
    outcomes = {check["id"]: check for check in found["suites"]["checks"]}
    assert outcomes["direct:base/test_root.py::test_the_shell_counts"]["outcome"] == "passed"
    judged = outcomes["direct:base/test_boot.py::test_the_kernel_had_no_accident"]
    assert judged["outcome"] == "passed"
    assert judged["message"].startswith("judged on the cold boot of ")
    assert found["digest"] == first.result["digest"]


def test_cold_boots(pristine: Clone, first: First) -> None:
    done = pristine.imagekit("shell", IMAGE, "--cold", "--", "test -e /etc/os-release")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def machines(clone: Clone, first: First, tmp_path: Path) -> bootpath.LocalMachines:
    """Direct boots of the image of the clone."""
    project = load_project(clone.root)
    image = earlier_build(project.work, make_plan(project, IMAGE))
    assert image is not None
    assert str(image.digest) == first.result["digest"]
    subject = Subject(project=project, name=IMAGE, run_id="forks", folder=tmp_path, image=image)
    return bootpath.LocalMachines(subject, bootpath.make_disks(subject), BootPath.DIRECT)


@pytest.fixture
def running(machines: bootpath.LocalMachines) -> Iterator[bootpath.LocalMachines]:
    """The same, with a saved state, and libvirt kept for the whole test."""
    with machines.provider():
        with session_machine(machines):
            pass
        yield machines


def fork(machines: bootpath.LocalMachines, stack: ExitStack, name: str) -> InstalledNode:
    """One more fork, with a console of its own."""
    mine = replace(machines, subject=replace(machines.subject, folder=machines.subject.folder / name))
    machine = stack.enter_context(session_machine(mine))
    assert machine.boot.start is Start.FORK, machine.boot.reason
    return machine


def mark(machine: InstalledNode, word: str) -> None:
    """Leave something of this fork wherever one can."""
    files = " && ".join(f"echo {word} > {place}" for place in PLACES)
    done = machine.run(f"{files} && hostname leak-{word} && systemd-run --quiet --unit=leak sleep 1000")
    assert done.returncode == 0, done.stderr


def leaks(machine: InstalledNode) -> list[str]:
    """What a fork has that is not its own: another's files, name, processes or random numbers."""
    asked = "; ".join(
        (
            f"ls -d {' '.join(PLACES)} 2>/dev/null",
            "hostname | grep ^leak",
            "systemctl is-active leak | grep -x active",
            f"dmesg | grep -q '{RESEEDED}' || echo random numbers of the saved node",
        )
    )
    return machine.run(f"{asked}; true").stdout.split("\n")[:-1]


@pytest.mark.nightly(minutes=1)
def test_nothing_goes_from_one_fork_to_another(running: bootpath.LocalMachines) -> None:
    with ExitStack() as stack:
        one, two = fork(running, stack, "one"), fork(running, stack, "two")
        mark(one, "one")
        assert len(leaks(one)) == len(PLACES) + 2  # this looks where it was left
        assert leaks(two) == []
        words = {machine.run("cat /proc/sys/kernel/random/uuid").stdout for machine in (one, two)}
        assert len(words) == 2
        assert leaks(fork(running, stack, "three")) == []


@pytest.mark.nightly(minutes=1)
def test_a_planted_leak_is_found(
    running: bootpath.LocalMachines, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A state that was saved after somebody had used the node, and a fork that keeps the saved generation id."""
    store = saved_nodes(running.subject.project)
    assert store is not None
    made = NodeHardware.domain
    genids: list[str] = []

    def same_genid(self: NodeHardware, *given: object) -> Domain:
        domain: Domain = made(self, *given)  # type: ignore[arg-type]  # handed on as they came
        genids.append(domain.genid)
        return replace(domain, genid=genids[0])

    monkeypatch.setattr(NodeHardware, "domain", same_genid)
    with ExitStack() as stack:
        used = stack.enter_context(running.machine())
        mark(used, "planted")
        with store.saving("planted", {}, used.boot) as folder:
            used.save(folder)
        stack.callback(store.forget, "planted")
        saved = stack.enter_context(store.held("planted"))
        mine = replace(running, subject=replace(running.subject, folder=tmp_path / "planted"))
        found = leaks(stack.enter_context(mine.machine(saved)))
    assert set(PLACES) <= set(found)
    assert {"leak-planted", "active", "random numbers of the saved node"} <= set(found)


@pytest.mark.nightly(minutes=1)
def test_a_fork_may_have_an_identity_of_its_own(running: bootpath.LocalMachines) -> None:
    """Machine id, host name and MAC address change, and the connection lives on."""
    ask = "cat /etc/machine-id; hostname; cat /sys/class/net/e*/address"
    with ExitStack() as stack:
        one, two = fork(running, stack, "one"), fork(running, stack, "two")
        assert one.run(ask).stdout == two.run(ask).stdout
        before = two.run(ask).stdout.split()
        assert two.run(renaming("other")).returncode == 0
        after = two.run(ask).stdout.split()
        assert len(after) == 3
        assert not set(before) & set(after)
        assert one.run(ask).stdout.split() == before


@pytest.mark.nightly(minutes=12)
def test_four_forks_at_once_twenty_times(running: bootpath.LocalMachines) -> None:
    """All come up as forks, each with the clock of now, and no two with the same random word."""
    for number in range(20):
        words, problems = side_by_side(running, 4, f"round{number}")
        assert problems == []
        assert len(set(words)) == 4


def side_by_side(machines: bootpath.LocalMachines, count: int, name: str) -> tuple[list[str], list[BaseException]]:
    """So many forks alive at once; a random word of each, and what went wrong."""
    words: list[str] = []
    problems: list[BaseException] = []
    all_in = threading.Barrier(count)

    def one(number: int) -> None:
        with ExitStack() as stack:
            machine = fork(machines, stack, f"{name}-{number}")
            all_in.wait(timeout=300.0)
            word, state, offset = machine.run(
                "cat /proc/sys/kernel/random/uuid; systemctl is-system-running; "
                f"test $(($(date +%s) - {_now()})) -lt 120 && echo right"
            ).stdout.split()
            assert (state, offset) == ("running", "right")
            words.append(word)

    threads = [threading.Thread(target=caught(one, problems), args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return words, problems


def caught(function: Callable[[int], None], problems: list[BaseException]) -> Callable[[int], None]:
    """A function whose error is kept, for a thread would lose it."""

    def call(number: int) -> None:
        try:
            function(number)
        except BaseException as error:  # also a failed assertion
            problems.append(error)

    return call


def _now() -> int:
    import time

    return int(time.time())
