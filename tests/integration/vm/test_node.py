"""Nodes with disks of their own, played by a boot sector: counted, restarted, cut off, looping, killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imagekit.base import process
from imagekit.base.errors import ToolError
from imagekit.base.waiting import Deadline, wait_until
from imagekit.machine.disks import DiskSource
from imagekit.machine.errors import BootFailedError, BootLoopError
from imagekit.machine.hardware import NodeRequest
from imagekit.machine.interface import Firmware, VmShape
from imagekit.machine.node import InstalledNode, node
from imagekit.machine.sweep import sweep
from tests.integration.vm.test_boot import left_behind
from tests.support.bootsector import GRUB, KERNEL, MENU, boot_disk
from tests.support.machinefolders import machine_folders

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.vm


def request(folder: Path, backing: Path | None, *, run_id: str = "t-node", **other: object) -> NodeRequest:
    """A node over a disk; console.log goes to `folder`/run."""
    given: dict[str, object] = {
        "name": "tiny",
        "run_id": run_id,
        "folder": folder / "run",
        "work": folder / "machines",
        "harness": ROOT / "vm-harness",
        "disks": (DiskSource(backing=backing, size_mib=None if backing else 1),),
        "shape": VmShape(memory_mib=256, cpus=1),
        **other,
    }
    return NodeRequest(**given)  # type: ignore[arg-type]  # named fields of one dataclass


@contextmanager
def started(wanted: NodeRequest) -> Iterator[InstalledNode]:
    """A node that is on, and gone with all of its files afterwards."""
    with node(wanted) as made:
        made.start()
        yield made
    assert left_behind(wanted.run_id) == []
    assert list(wanted.work.iterdir()) == []


def test_disks_outlive_a_power_cut_and_go_back_on_demand(tmp_path: Path) -> None:
    backing = boot_disk(tmp_path / "disk.img", f"{GRUB}{KERNEL}this is start #\n")
    before = backing.read_bytes()
    with started(request(tmp_path, backing)) as machine:
        assert "start 1" in machine.wait_console("this is start", limit=60)
        with pytest.raises(ToolError, match="is on"):
            machine.keep_disks("first")
        machine.cut_power()
        assert not machine.running
        machine.keep_disks("first")
        mark = machine.console_mark()
        machine.start()
        assert "start 2" in machine.wait_console("this is start", limit=60, since=mark)
        assert machine.boot_count == 2
        machine.cut_power()
        machine.restore_disks("first")
        mark = machine.console_mark()
        machine.start()
        assert "start 2" in machine.wait_console("this is start", limit=60, since=mark)
    assert backing.read_bytes() == before


def test_a_boot_loop_is_recognised(tmp_path: Path) -> None:
    backing = boot_disk(tmp_path / "disk.img", f"{GRUB}{KERNEL}Kernel panic - not syncing: start #\n", reset=True)
    with (
        started(request(tmp_path, backing, run_id="t-loop")) as machine,
        pytest.raises(BootLoopError, match="started 4 times, allowed were 3") as caught,
    ):
        machine.wait_boot(boots=3, through_crashes=True)
    assert "not syncing: start" in str(caught.value)


def test_a_panic_ends_the_wait_at_once_unless_it_may_be(tmp_path: Path) -> None:
    backing = boot_disk(tmp_path / "disk.img", f"{GRUB}{KERNEL}Kernel panic - not syncing: start #\n")
    with started(request(tmp_path, backing, run_id="t-npanic")) as machine:
        with pytest.raises(BootFailedError, match="the kernel stopped"):
            machine.wait_boot()
        with pytest.raises(BootFailedError, match="in vain"):
            machine.wait_boot(limit=3, through_crashes=True)


def test_the_menu_is_left_by_a_key(tmp_path: Path) -> None:
    backing = boot_disk(tmp_path / "disk.img", f"{GRUB}{MENU}", f"{KERNEL}chosen\n", key=True)
    with started(request(tmp_path, backing, run_id="t-menu")) as machine:
        machine.wait_console("chosen", limit=60)


def test_uefi_finds_an_empty_disk_and_keeps_its_variables(tmp_path: Path) -> None:
    shape = VmShape(memory_mib=256, cpus=1, firmware=Firmware.UEFI, tpm=True)
    before = tpm_authority()
    with started(request(tmp_path, None, run_id="t-uefi", shape=shape)) as machine:
        machine.wait_console("BdsDxe: (failed to load|No bootable)", limit=90)
    assert tpm_authority() == before


def tpm_authority() -> dict[str, tuple[int, int]]:
    """The host's authority for TPMs, owner and time of each file: it is for user tss, and root must not make it."""
    found = Path("/var/lib/swtpm-localca")
    return {path.name: (path.stat().st_uid, path.stat().st_mtime_ns) for path in found.glob("*")}


CHILD = """
import sys
from pathlib import Path
from tests.integration.vm.test_node import request, started
from imagekit.machine.interface import Firmware, VmShape
shape = VmShape(memory_mib=256, cpus=1, firmware=Firmware.UEFI, tpm=True)
with started(request(Path(sys.argv[1]), None, run_id=sys.argv[2], shape=shape)) as machine:
    machine.wait_console("never", limit=600)
"""


def test_a_killed_run_leaves_no_machine_no_disk_and_no_tpm(tmp_path: Path) -> None:
    run_id = f"t-nkill-{os.getpid()}"
    argv: list[str | Path] = [sys.executable, "-c", CHILD, tmp_path, run_id]
    log = tmp_path / "child.log"
    with process.background(argv, log=log, env={"PYTHONPATH": str(ROOT)}) as child:

        def up() -> bool:
            assert child.poll() is None, log.read_text()
            return "BdsDxe" in (tmp_path / "run/console.log").read_text() if (tmp_path / "run").exists() else False

        wait_until(up, Deadline.after(120), what="the machine of the run that will be killed")
        (folder,) = machine_folders(run_id)
        assert emulators(folder) == 1
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert list((tmp_path / "machines").iterdir()) != []
    sweep(work=tmp_path / "machines")
    assert left_behind(run_id) == []
    assert list((tmp_path / "machines").iterdir()) == []
    wait_until(lambda: emulators(folder) == 0, Deadline.after(10), what="the end of the TPM's emulator")


def emulators(folder: Path) -> int:
    """How many TPM emulators keep their state in a machine's folder."""
    return len([line for line in _command_lines() if line.split(" ")[0].endswith("swtpm") and str(folder) in line])


def _command_lines() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_text(errors="replace").replace("\0", " "))
        except OSError:
            continue  # it ended while we looked
    return found
