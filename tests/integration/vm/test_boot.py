"""Machines that never become a node: each ends early, with the reason, and leaves nothing but its console log."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from imagekit.artifact.programs import find
from imagekit.base import process
from imagekit.base.waiting import Deadline, wait_until
from imagekit.machine.accel import acceleration
from imagekit.machine.boot import BootRequest, boot
from imagekit.machine.errors import BootFailedError, HypervisorError
from imagekit.machine.libvirt import connection as hypervisor
from imagekit.machine.libvirt.domains import machines
from imagekit.machine.sweep import sweep
from tests.support.machinefolders import machine_folders
from tests.support.tinykernel import artifacts

ROOT = Path(__file__).parents[3]
HARNESS = ROOT / "vm-harness"

pytestmark = pytest.mark.vm


def request(folder: Path, text: str, *, run_id: str = "t-vm", limit: float = 60.0, reset: bool = False) -> BootRequest:
    """A boot of a kernel that says `text`; console.log goes to `folder`/run."""
    made = artifacts(folder, text, reset=reset)
    return BootRequest(name="tiny", run_id=run_id, artifacts=made, folder=folder / "run", harness=HARNESS, limit=limit)


def left_behind(run_id: str) -> list[str]:
    """Domains and folders of a run."""
    with hypervisor.connection() as opened:
        domains = [machine.name for machine in machines(opened) if machine.run == run_id]
    return domains + [str(folder) for folder in machine_folders(run_id)]


def failing(wanted: BootRequest) -> BootFailedError:
    """The error that booting ends with."""
    with pytest.raises(BootFailedError) as caught, boot(wanted):
        pytest.fail("it booted")
    assert left_behind(wanted.run_id) == []
    return caught.value


def test_a_panic_ends_the_wait_at_once(tmp_path: Path) -> None:
    begun = process.now()
    error = failing(request(tmp_path, "Hello\nKernel panic - not syncing: no luck\n", run_id="t-panic"))
    assert "the kernel stopped (console line 2: Kernel panic - not syncing: no luck)" in str(error)
    assert process.now() - begun < 45  # far from the deadline of 60 s and more
    assert (tmp_path / "run/console.log").read_text().endswith("no luck\n")


def test_an_emergency_shell_ends_the_wait_at_once(tmp_path: Path) -> None:
    error = failing(request(tmp_path, "You are in emergency mode. After logging in, type ...\n", run_id="t-shell"))
    assert "emergency shell" in str(error)


def test_a_machine_that_resets_is_over(tmp_path: Path) -> None:
    error = failing(request(tmp_path, "last words\n", run_id="t-reset", reset=True))
    assert "ended by itself" in str(error)
    assert "last words" in str(error)


def test_a_machine_that_hangs_is_ended_at_the_deadline(tmp_path: Path) -> None:
    error = failing(request(tmp_path, "so far, so good\n", run_id="t-hang", limit=3.0))
    assert "in vain" in str(error)
    assert "so far, so good" in str(error)


def test_no_libvirt_is_said_so(tmp_path: Path) -> None:
    uri = f"qemu+unix:///system?socket={tmp_path}/none"
    with pytest.raises(HypervisorError, match="does not answer"), hypervisor.connection(uri):
        pytest.fail("it answered")


def test_the_accelerator_is_one_that_finishes_a_guest(tmp_path: Path) -> None:
    found = acceleration(find("qemu-system-x86_64", "qemu-system-x86"), cache=tmp_path / "cache.json")
    assert found.speed > 0


CHILD = """
import sys
from pathlib import Path
from tests.integration.vm.test_boot import request
from imagekit.machine.boot import boot
with boot(request(Path(sys.argv[1]), "I am up\\n", run_id=sys.argv[2])):
    pass
"""


def test_a_killed_run_leaves_nothing_after_the_next_sweep(tmp_path: Path) -> None:
    run_id = f"t-kill-{os.getpid()}"
    argv: list[str | Path] = [sys.executable, "-c", CHILD, tmp_path, run_id]
    log = tmp_path / "child.log"
    with process.background(argv, log=log, env={"PYTHONPATH": str(ROOT)}) as child:

        def up() -> bool:
            assert child.poll() is None, log.read_text()
            console = tmp_path / "run/console.log"
            return console.exists() and "I am up" in console.read_text()

        wait_until(up, Deadline.after(60), what="the machine of the run that will be killed")
        assert len(left_behind(run_id)) == 3  # the domain, its folder, and that of its media
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert left_behind(run_id) != []
    sweep()
    assert left_behind(run_id) == []
    assert (tmp_path / "run/console.log").read_text() == "I am up\n"
