"""One start procedure for every boot path, over a provider that is not libvirt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.config.model import Firmware
from imagekit.machine.boot import BootRequest, boot
from imagekit.machine.disks import DiskSource
from imagekit.machine.domain import ROOT_SERIAL, Disk, Forward
from imagekit.machine.errors import HypervisorError
from imagekit.machine.hardware import NodeRequest
from imagekit.machine.interface import BootPath, VmShape
from imagekit.machine.node import node
from tests.support.simprovider import SimProvider, logged_in
from tests.support.tinykernel import artifacts

HARNESS = Path(__file__).parents[3] / "vm-harness"

__all__ = ["logged_in"]


@pytest.fixture
def request_(tmp_path: Path) -> BootRequest:
    """A direct boot."""
    made = artifacts(tmp_path, "x")
    made.iso.write_bytes(b"medium")
    return BootRequest(name="tiny", run_id="t", artifacts=made, folder=tmp_path / "run", harness=HARNESS)


@pytest.mark.usefixtures("logged_in")
def test_a_direct_boot_starts_the_kernel_past_any_boot_loader(request_: BootRequest) -> None:
    world = SimProvider()
    with boot(request_, connect=world.connect) as machine:
        assert machine.boot.boot_path is BootPath.DIRECT
        assert machine.boot.phases == ()
        assert machine.boot.qemu_version == "10.0.2"
        assert machine.running
    domain = world.guests[0].domain
    assert domain.direct is not None
    assert domain.direct.kernel == request_.artifacts.bare_kernel
    assert [disk.serial for disk in domain.disks] == [ROOT_SERIAL]
    assert not machine.running


@pytest.mark.usefixtures("logged_in")
def test_a_live_boot_has_its_own_disk_before_the_medium_and_the_seed(request_: BootRequest, tmp_path: Path) -> None:
    world, own = SimProvider(), Disk(path=tmp_path / "own.qcow2", serial="system", readonly=False, format="qcow2")
    with boot(replace(request_, boot_path=BootPath.LIVE, disks=(own,)), connect=world.connect):
        pass
    assert [disk.serial for disk in world.guests[0].domain.disks] == ["system", "live", "cidata"]


def test_an_installed_boot_goes_through_firmware_and_may_restart(tmp_path: Path, logged_in: list[str]) -> None:
    world = SimProvider(says=b"Welcome to GRUB!\n[    0.000000] Linux version 6\n")
    disk = tmp_path / "disk.raw"
    disk.write_bytes(bytes(1 << 20))
    request = NodeRequest(
        name="tiny",
        run_id="t",
        folder=tmp_path / "run",
        work=tmp_path / "machines",
        harness=HARNESS,
        disks=(DiskSource(backing=disk),),
    )
    with node(request, connect=world.connect) as machine:
        machine.start()
        assert machine.wait_boot().boot_path is BootPath.INSTALLED
        machine.cut_power()
        machine.start()
        machine.wait_boot()
        assert machine.boot_count == 2
    assert [guest.domain.direct for guest in world.guests] == [None, None]
    assert world.guests[0].domain.name == world.guests[1].domain.name
    assert logged_in
    assert list((tmp_path / "machines").iterdir()) == []


def test_a_provider_that_refuses_leaves_no_machine(request_: BootRequest) -> None:
    world = SimProvider(refuses="no memory")
    with pytest.raises(HypervisorError, match="no memory"), boot(request_, connect=world.connect):
        pytest.fail("it booted")
    assert world.guests == []


def test_a_firmware_that_wants_a_signed_loader_starts_no_kernel(request_: BootRequest) -> None:
    world, shape = SimProvider(), VmShape(firmware=Firmware.UEFI_SECURE)
    with (
        pytest.raises(HypervisorError, match="starts no kernel"),
        boot(replace(request_, shape=shape), connect=world.connect),
    ):
        pytest.fail("it booted")
    assert world.guests == []


@pytest.mark.usefixtures("logged_in")
def test_servers_of_the_harness_are_relayed(request_: BootRequest) -> None:
    world = SimProvider()
    with boot(replace(request_, forwards=(Forward(port=443, host_port=9000),)), connect=world.connect):
        pass
    assert world.guests[0].domain.relays
