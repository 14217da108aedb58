"""Machines on a libvirt with the distribution's defaults, where QEMU runs as libvirt-qemu (W1)."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.artifact.programs import find
from imagekit.base.process import run
from imagekit.config.model import Firmware
from imagekit.machine import acl
from imagekit.machine.accel import acceleration
from imagekit.machine.boot import BootRequest, boot
from imagekit.machine.disks import DiskSource
from imagekit.machine.domain import Forward
from imagekit.machine.errors import BootFailedError, HypervisorError
from imagekit.machine.hardware import NodeRequest
from imagekit.machine.interface import VmShape
from imagekit.machine.libvirt import connection as hypervisor
from imagekit.machine.libvirt.probe import LibvirtProbe
from imagekit.machine.libvirt.reach import qemu_user
from imagekit.machine.node import node
from tests.integration.vm.test_boot import HARNESS
from tests.support.bootsector import GRUB, boot_disk
from tests.support.systemlibvirt import system_libvirt
from tests.support.tinykernel import artifacts

pytestmark = pytest.mark.vm


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    """A folder outside pytest's own, which is shut to everybody else."""
    with tempfile.TemporaryDirectory(prefix="imagekit-test-", dir="/var/tmp") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="module")
def uri(base: Path) -> Iterator[str]:
    """Such a libvirt."""
    folder = base / "libvirt"
    folder.mkdir()
    with system_libvirt(folder) as address:
        yield address


@pytest.fixture
def work(base: Path) -> Iterator[Path]:
    """The work folder of a project, shut as under umask 077."""
    with tempfile.TemporaryDirectory(prefix="project-", dir=base) as name:
        Path(name).chmod(0o711)
        folder = Path(name) / ".imagekit"
        folder.mkdir(mode=0o700)
        yield folder


def request(work: Path, uri: str, text: str = "I am up\n") -> BootRequest:
    made = artifacts(work, text)
    for path in work.iterdir():
        path.chmod(0o600)
    return BootRequest(
        name="tiny", run_id="t-user", artifacts=made, folder=work / "run", harness=HARNESS, limit=3.0, uri=uri
    )


def test_qemu_is_another_user(uri: str) -> None:
    with hypervisor.connection(uri) as opened:
        user = qemu_user(opened)
    assert user is not None
    assert user.name == "libvirt-qemu"


def test_a_machine_starts_though_everything_is_private(uri: str, work: Path) -> None:
    """Its kernel came up: QEMU read kernel, initrd and disk, and wrote the console."""
    with pytest.raises(BootFailedError, match="I am up"), boot(request(work, uri)):
        pytest.fail("it booted")
    console = work / "run/console.log"
    assert console.stat().st_uid == os.geteuid()
    assert (work / "rootfs.squashfs").stat().st_uid == os.geteuid()
    assert (work / "rootfs.squashfs").stat().st_mode & 0o007 == 0


def test_a_relay_is_not_forbidden(uri: str, work: Path) -> None:
    """libvirt's sandbox would forbid QEMU to start one; `check_may_relay` looks at the QEMU that runs."""
    wanted = replace(request(work, uri), forwards=(Forward(port=443, host_port=9),))
    with pytest.raises(BootFailedError, match="I am up"), boot(wanted):
        pytest.fail("it booted")


@pytest.mark.parametrize(
    "shape", [VmShape(tpm=True), VmShape(firmware=Firmware.UEFI, tpm=True)], ids=["tpm", "uefi and tpm"]
)
def test_a_tpm_and_a_firmwares_variables_work_too(uri: str, work: Path, shape: VmShape) -> None:
    """Its emulator runs as a third user, tss; the firmware's variables are made by libvirt."""
    disk = boot_disk(work / "disk.raw", f"{GRUB}start #\n")
    disk.chmod(0o600)
    request = NodeRequest(
        name="tiny",
        run_id="t-user",
        folder=work / "run",
        work=work / "machines",
        harness=HARNESS,
        disks=(DiskSource(backing=disk),),
        shape=shape,
        uri=uri,
    )
    with node(request) as machine:
        machine.start()
        machine.wait_console("start 1|BdsDxe", limit=60.0)
    assert disk.stat().st_uid == os.geteuid()
    assert list((work / "machines").iterdir()) == []


def test_the_probe_has_files_where_the_machines_have(uri: str, work: Path, tmp_path: Path) -> None:
    emulator = find("qemu-system-x86_64", "qemu-system-x86")
    with hypervisor.connection(uri) as opened:
        probe = LibvirtProbe(opened, emulator, (work / "disks" / "x", work / "run"))
        assert str(work) in probe.name
        assert acceleration(emulator, probe=probe, cache=tmp_path / "cache.json").speed > 0
        assert list(work.iterdir()) == []


def test_a_folder_around_the_project_is_named(uri: str, work: Path, tmp_path: Path) -> None:
    emulator = find("qemu-system-x86_64", "qemu-system-x86")
    work.parent.chmod(0o700)
    with hypervisor.connection(uri) as opened, pytest.raises(HypervisorError) as caught:
        acceleration(emulator, probe=LibvirtProbe(opened, emulator, (work,)), cache=tmp_path / "cache.json")
    assert f"libvirt runs QEMU as libvirt-qemu, who may not search {work.parent};" in str(caught.value)


@pytest.mark.parametrize("mode", [0o000, 0o007, 0o070, 0o640, 0o604, 0o711])
@pytest.mark.parametrize("named", [None, 0, acl.READ, acl.READ | acl.SEARCH])
def test_the_kernel_judges_as_we_do(base: Path, mode: int, named: int | None) -> None:
    """Every answer of `acl.allows`, asked of the kernel as that user."""
    entry = pwd.getpwnam("libvirt-qemu")
    person = acl.Person(uid=entry.pw_uid, groups=frozenset(os.getgrouplist(entry.pw_name, entry.pw_gid)))
    with tempfile.TemporaryDirectory(dir=base) as name:
        folder = Path(name)
        folder.chmod(mode)
        if named is not None:
            acl.let_in(folder, person, named, group=entry.pw_gid)
        for wanted, letter in ((acl.READ, "r"), (acl.WRITE, "w"), (acl.SEARCH, "x")):
            argv = ["setpriv", "--reuid", str(entry.pw_uid), "--regid", str(entry.pw_gid), "--init-groups"]
            asked = run([*argv, "test", f"-{letter}", folder], timeout=10, ok=(0, 1)).returncode == 0
            assert acl.allows(folder, person, wanted) == asked
