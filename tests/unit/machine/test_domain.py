"""Domain XML as text from data, compared with what was reviewed, and the network a guest gets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from imagekit.base.errors import ConfigError
from imagekit.machine.domain import (
    Disk,
    Domain,
    FirmwareState,
    Forward,
    KernelStart,
    Owner,
    domain_name,
    kernel_arguments,
    user_network,
)
from imagekit.machine.interface import DISKLESS, Accelerator, BootPath, Firmware, VmShape
from imagekit.machine.libvirt.domainxml import domain_xml
from imagekit.machine.profile import load_profile

HARNESS = Path(__file__).parents[3] / "vm-harness"
QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
TEMPLATE = HARNESS / "domains" / "machine.xml.j2"
GOLDEN = Path(__file__).parents[2] / "data" / "domains" / "fast-tcg.xml"
DOMAIN = Domain(
    name="imagekit-debian-node-1a2b",
    uuid="6f1f7d56-6d6c-4d0c-9f5e-2f1d8a3f0001",
    genid="6f1f7d56-6d6c-4d0c-9f5e-2f1d8a3f0002",
    owner=Owner(pid=42, started=17.5, run="r-1", folder=Path("/run/imagekit-vm-x"), place="boot pid:[1]"),
    accelerator=Accelerator.TCG,
    emulator=Path("/usr/bin/qemu-system-x86_64"),
    shape=VmShape(),
    profile=load_profile(Firmware.BIOS, HARNESS),
    state=FirmwareState(nvram=Path("/run/imagekit-vm-x/nvram.fd"), tpm=Path("/run/imagekit-vm-x/tpm")),
    direct=KernelStart(
        kernel=Path("/w/disks/d/vmlinux"),
        initrd=Path("/run/imagekit-vm-x/initrd"),
        cmdline="rdinit=/init console=ttyS0",
    ),
    disks=(Disk(path=Path("/w/disks/d/rootfs.squashfs"), serial="imagekit-root"),),
    console=Path("/w/runs/r-1/console.log"),
    netdev="user,id=n0,hostfwd=tcp:127.0.0.1:2222-:22,restrict=on",
)


INSTALLED = replace(
    DOMAIN,
    direct=None,
    disks=(
        Disk(path=Path("/w/machines/system-1.qcow2"), serial="system", readonly=False, format="qcow2"),
        Disk(path=Path("/w/seed.iso"), serial="medium0"),
    ),
)


def under(domain: Domain, firmware: Firmware, *, tpm: bool = False) -> Domain:
    """The same machine with another firmware."""
    shape = VmShape(firmware=firmware, tpm=tpm)
    return replace(domain, shape=shape, profile=load_profile(firmware, HARNESS))


def xml(domain: Domain) -> ElementTree.Element:
    """The domain's XML, parsed."""
    return ElementTree.fromstring(domain_xml(domain, TEMPLATE))


def test_a_machine_like_those_of_vsphere_has_no_virtio_disk_or_card() -> None:
    root = xml(under(INSTALLED, Firmware.VSPHERE))
    assert [each.attrib["bus"] for each in root.findall("devices/disk/target")] == ["scsi", "scsi"]
    assert [each.attrib.get("model") for each in root.findall("devices/controller[@type='scsi']")] == ["vmpvscsi"]
    # QEMU's pvscsi knows one unit a target: with two it ends with "bad scsi device lun: 1".
    places = [each.attrib for each in root.findall("devices/disk/address")]
    assert [(each["type"], each["target"], each["unit"]) for each in places] == [
        ("drive", "0", "0"),
        ("drive", "1", "0"),
    ]
    arguments = [each.attrib["value"] for each in root.iter(f"{{{QEMU}}}arg")]
    assert any(each.startswith("vmxnet3,netdev=n0,") for each in arguments)
    assert not any(each.startswith("virtio-net") for each in arguments)


def test_an_nvme_disk_starts_first_and_media_stay_readable() -> None:
    """A comma in its path would begin another option of QEMU."""
    system = replace(INSTALLED.disks[0], path=Path("/w/a,b/system-1.qcow2"))
    root = xml(under(replace(INSTALLED, disks=(system, INSTALLED.disks[1])), Firmware.NVME))
    assert [each.attrib["file"] for each in root.findall("devices/disk/source")] == ["/w/seed.iso"]
    assert [each.attrib["order"] for each in root.findall("devices/disk/boot")] == ["2"]
    arguments = [each.attrib["value"] for each in root.iter(f"{{{QEMU}}}arg")]
    drive = arguments[arguments.index("-drive") + 1]
    assert drive.startswith("file=/w/a,,b/system-1.qcow2,if=none,id=nvme0,format=qcow2,")
    assert "nvme,drive=nvme0,serial=system,bootindex=1" in arguments


def test_a_machine_with_sata_and_an_intel_card_has_its_media_as_discs() -> None:
    """QEMU has no SATA disk that is only read."""
    root = xml(under(INSTALLED, Firmware.SATA))
    assert [each.attrib["device"] for each in root.findall("devices/disk")] == ["disk", "cdrom"]
    assert {each.attrib["bus"] for each in root.findall("devices/disk/target")} == {"sata"}
    assert [each.attrib["unit"] for each in root.findall("devices/disk/address")] == ["0", "1"]
    arguments = [each.attrib["value"] for each in root.iter(f"{{{QEMU}}}arg")]
    assert "sata=off" not in arguments
    assert "sata=off" in [each.attrib["value"] for each in xml(INSTALLED).iter(f"{{{QEMU}}}arg")]
    assert any(each.startswith("e1000e,netdev=n0,") for each in arguments)


@pytest.mark.parametrize("firmware", Firmware)
def test_a_machine_with_virtio_has_a_line_to_the_guest_agent(firmware: Firmware) -> None:
    """One like VMware's has none: the tools of VMware have a way of their own."""
    domain = under(INSTALLED, firmware)
    root = xml(domain)
    lines = [each.attrib["name"] for each in root.findall("devices/channel/target")]
    assert lines == (["org.qemu.guest_agent.0"] if domain.profile.agent else [])
    assert domain.profile.agent is (firmware not in (Firmware.SATA, Firmware.VSPHERE))


def test_further_cards_reach_one_another_alone() -> None:
    root = xml(replace(INSTALLED, shape=VmShape(extra_nics=3)))
    arguments = [each.attrib["value"] for each in root.iter(f"{{{QEMU}}}arg")]
    hubs = [each for each in arguments if each.startswith("hubport,")]
    assert hubs == [f"hubport,id=x{number},hubid=1" for number in range(3)]
    cards = [each for each in arguments if ",netdev=x" in each]
    assert len({each.partition("mac=")[2][:17] for each in cards}) == 3
    assert [each.partition("addr=")[2][:4] for each in cards] == ["0x11", "0x12", "0x13"]
    assert not [each for each in arguments if each.startswith("user,") and "id=x" in each]


def test_the_reviewed_machine() -> None:
    assert domain_xml(DOMAIN, TEMPLATE).rstrip("\n") == GOLDEN.read_text().rstrip("\n")


def test_kvm_takes_the_hosts_processor() -> None:
    root = xml(replace(DOMAIN, accelerator=Accelerator.KVM))
    cpu = root.find("cpu")
    assert root.attrib["type"] == "kvm"
    assert cpu is not None
    assert cpu.attrib["mode"] == "host-passthrough"


def test_uefi_is_left_to_libvirts_choice_by_features() -> None:
    root = xml(under(DOMAIN, Firmware.UEFI))
    assert root.find("os[@firmware='efi']") is not None
    assert {each.attrib["name"]: each.attrib["enabled"] for each in root.findall("os/firmware/feature")} == {
        "secure-boot": "no",
        "enrolled-keys": "no",
    }
    assert root.findtext("os/nvram") == "/run/imagekit-vm-x/nvram.fd"
    assert root.find("features/smm") is None


def test_secure_boot_needs_keys_and_system_management_mode() -> None:
    root = xml(under(INSTALLED, Firmware.UEFI_SECURE))
    assert [each.attrib["enabled"] for each in root.findall("os/firmware/feature")] == ["yes", "yes"]
    smm = root.find("features/smm")
    assert smm is not None
    assert smm.attrib["state"] == "on"


def test_a_tpm_keeps_its_state_in_the_machines_own_folder() -> None:
    assert xml(under(INSTALLED, Firmware.UEFI)).find("devices/tpm") is None
    backend = xml(under(INSTALLED, Firmware.UEFI, tpm=True)).find("devices/tpm/backend")
    assert backend is not None
    assert backend.attrib == {"type": "emulator", "version": "2.0", "persistent_state": "yes"}
    source = backend.find("source")
    assert source is not None
    assert source.attrib["path"] == "/run/imagekit-vm-x/tpm"


def test_an_installed_node_boots_its_disks_in_order_and_may_reboot() -> None:
    root = xml(INSTALLED)
    assert root.find("os/kernel") is None
    assert root.findtext("on_reboot") == "restart"
    assert root.find("devices/panic") is None
    assert [boot.attrib["order"] for boot in root.findall("devices/disk/boot")] == ["1", "2"]
    assert [driver.attrib["type"] for driver in root.findall("devices/disk/driver")] == ["qcow2", "raw"]
    assert [source.attrib["append"] for source in root.findall("devices/serial/source")] == ["on"]
    assert root.find("os/bios[@useserial='yes']") is not None


def test_artifacts_are_read_only_and_a_panic_or_reboot_ends_the_machine() -> None:
    root = xml(DOMAIN)
    assert root.find("devices/disk/readonly") is not None
    assert root.findtext("on_reboot") == root.findtext("on_crash") == "destroy"
    assert root.find("devices/panic") is not None
    assert root.find("genid") is not None


def test_text_is_escaped() -> None:
    hostile = replace(DOMAIN, console=Path("/w/<x>&'\"/console.log"))
    source = xml(hostile).find("devices/serial/source")
    assert source is not None
    assert source.attrib["path"] == "/w/<x>&'\"/console.log"


def test_a_template_that_asks_for_more_is_refused(tmp_path: Path) -> None:
    template = tmp_path / "t.j2"
    template.write_text("{{ unknown }}")
    with pytest.raises(ConfigError, match=r"t\.j2"):
        domain_xml(DOMAIN, template)


@pytest.mark.parametrize("image", ["", "-a", "A", "a/b", "a b", "x" * 70])
def test_names_that_no_machine_may_have(image: str) -> None:
    with pytest.raises(ConfigError, match="not a name"):
        domain_name(image, "1a2b")


def test_the_network_is_closed_but_for_what_is_asked() -> None:
    closed = user_network(2222, [], relay=None, open_network=False)
    assert closed == "user,id=n0,hostfwd=tcp:127.0.0.1:2222-:22,restrict=on"
    one = user_network(2222, [Forward(port=443, host_port=9000)], relay=Path("/bin/busybox"), open_network=False)
    assert one == f"{closed},guestfwd=tcp:10.0.2.100:443-cmd:/bin/busybox nc 127.0.0.1 9000"
    assert "restrict" not in user_network(2222, [], relay=None, open_network=True)


def test_a_panic_ends_either_boot_path_at_once() -> None:
    for boot_path in DISKLESS:
        assert "panic=-1" in kernel_arguments(boot_path).split()
    assert kernel_arguments(BootPath.LIVE, ("extra=1",)).endswith(" extra=1")


def test_the_fast_boot_path_is_no_mode_of_the_framework() -> None:
    line = kernel_arguments(BootPath.DIRECT)
    assert "root=live" not in line
    assert "COS_" not in line
