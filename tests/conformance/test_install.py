"""What `kairos-agent manual-install` does to a disk, and what it leaves there."""

from __future__ import annotations

import re
import uuid

import pytest

from imagekit.checks.contract.config import BOUND, EXTRA, WORD
from imagekit.checks.contract.disk import InstalledDisk
from imagekit.checks.contract.facts import NodeFacts, environment_block

pytestmark = pytest.mark.contract("4 install")

MIB = 1 << 20


def test_it_ends_well(install: NodeFacts) -> None:
    """The installation ends with status 0 and says that it ran the after-install hook."""
    assert install.answer("install").status == 0, install.answer("install").text[-400:]
    assert "Running after-install hook" in install.answer("install").text


def test_table_is_gpt(install: NodeFacts) -> None:
    """The disk has a GPT."""
    assert InstalledDisk(install).table == "gpt"


def test_partitions_come_in_order(install: NodeFacts) -> None:
    """The partitions are boot, COS_OEM, COS_RECOVERY, COS_STATE and COS_PERSISTENT, in this order."""
    labels = [part.label for part in InstalledDisk(install).partitions]
    assert labels[1:] == ["COS_OEM", "COS_RECOVERY", "COS_STATE", "COS_PERSISTENT"]
    assert labels[0] in ("", "COS_GRUB")


def test_first_partition_boots(install: NodeFacts) -> None:
    """The first partition starts at 1 MiB and is 1 MiB for BIOS, or 64 MiB of FAT called COS_GRUB for UEFI."""
    part = InstalledDisk(install).partitions[0]
    assert part.start == MIB
    assert (part.size, part.kind) == (MIB, "") if not part.label else (64 * MIB, "vfat")


@pytest.mark.parametrize("label", ["COS_OEM", "COS_RECOVERY", "COS_STATE", "COS_PERSISTENT"])
def test_partition_is_ext4(install: NodeFacts, label: str) -> None:
    """The partition holds an ext4 file system."""
    assert InstalledDisk(install).by_label(label).kind == "ext4"


@pytest.mark.parametrize("label", ["COS_OEM", "COS_RECOVERY", "COS_STATE", "COS_PERSISTENT"])
def test_partition_has_a_fixed_id(install: NodeFacts, label: str) -> None:
    """The partition's GUID is the UUIDv5 of its label (in the name space of URLs)."""
    assert InstalledDisk(install).by_label(label).guid == str(uuid.uuid5(uuid.NAMESPACE_URL, label))


def test_oem_is_small(install: NodeFacts) -> None:
    """COS_OEM has 64 MiB."""
    assert InstalledDisk(install).by_label("COS_OEM").size == 64 * MIB


def test_persistent_takes_the_rest(install: NodeFacts) -> None:
    """COS_PERSISTENT takes what is left of the disk, but for 2 MiB at most."""
    disk = InstalledDisk(install)
    last = disk.by_label("COS_PERSISTENT")
    assert 0 <= disk.size - (last.start + last.size) <= 2 * MIB


def test_state_has_room_for_three(install: NodeFacts) -> None:
    """COS_STATE has room for active, passive and the image of an upgrade, and COS_RECOVERY for two."""
    disk = InstalledDisk(install)
    image = disk.images("COS_STATE")["active.img"].size
    assert disk.by_label("COS_STATE").size >= 3 * image
    assert disk.by_label("COS_RECOVERY").size >= 2 * image


@pytest.mark.parametrize(
    ("partition", "name", "label"),
    [
        ("COS_STATE", "active.img", "COS_ACTIVE"),
        ("COS_STATE", "passive.img", "COS_PASSIVE"),
        ("COS_RECOVERY", "recovery.img", "COS_SYSTEM"),
    ],
)
def test_system_is_an_image_file(install: NodeFacts, partition: str, name: str, label: str) -> None:
    """The system is an ext2 image file in cOS, with the label by which it is booted."""
    image = InstalledDisk(install).images(partition)[name]
    assert (image.label, image.kind) == (label, "ext2")


def test_no_other_image_is_left(install: NodeFacts) -> None:
    """cOS holds these images and nothing else."""
    disk = InstalledDisk(install)
    assert set(disk.images("COS_STATE")) == {"active.img", "passive.img"}
    assert set(disk.images("COS_RECOVERY")) == {"recovery.img"}


def test_menu_is_on_the_state_partition(install: NodeFacts) -> None:
    """COS_STATE holds GRUB's menu in /grub or /grub2."""
    tree = InstalledDisk(install).tree("COS_STATE")
    assert "grub/grub.cfg" in tree or "grub2/grub.cfg" in tree


@pytest.mark.parametrize("name", ["grubmenu", "grubcustom", "grub_boot_assessment"])
def test_hooks_of_the_menu_are_there(install: NodeFacts, name: str) -> None:
    """COS_STATE holds the file that GRUB's menu sources or that the boot assessment is in."""
    assert name in InstalledDisk(install).tree("COS_STATE")


def test_assessment_is_hooked_in(install: NodeFacts) -> None:
    """/grubcustom leads to the boot assessment."""
    assert "grub_boot_assessment" in install.file_on("COS_STATE", "grubcustom")


def test_uefi_finds_its_loader(install: NodeFacts) -> None:
    """Under UEFI the loader has the fallback name EFI/BOOT/BOOTX64.EFI (or its like on arm64)."""
    disk = InstalledDisk(install)
    if disk.partitions[0].label:
        names = {path.lower() for path in disk.tree("COS_GRUB")}
        assert {"efi/boot/bootx64.efi", "efi/boot/bootaa64.efi"} & names


def test_config_is_kept(install: NodeFacts) -> None:
    """COS_OEM holds the configuration as 90_custom.yaml, with its header, its unknown keys, for root and its group."""
    entry = InstalledDisk(install).tree("COS_OEM")["90_custom.yaml"]
    assert entry.mode == 0o640
    text = install.file_on("COS_OEM", "90_custom.yaml")
    assert re.match(r"#cloud-config\n", text)
    assert WORD in text


def test_grub_options_are_kept(install: NodeFacts) -> None:
    """install.grub_options are in the environment block on COS_OEM."""
    assert environment_block(install.file_on("COS_OEM", "grubenv"))["extra_cmdline"] == EXTRA


@pytest.mark.contract("4 bind_mounts")
def test_bind_mounts_are_kept(install: NodeFacts) -> None:
    """install.bind_mounts are in 10_user_custom_mounts.yaml on COS_OEM."""
    assert BOUND in install.file_on("COS_OEM", "10_user_custom_mounts.yaml")


@pytest.mark.contract("4 bind_mounts")
def test_bind_mounts_are_mounted(install: NodeFacts, first: NodeFacts) -> None:
    """A directory of install.bind_mounts is made and bound to the persistent partition."""
    assert install.answer("install").status == 0
    assert first.mounts[BOUND].device == first.mounts["/usr/local"].device


def test_environment_blocks_have_their_size(install: NodeFacts) -> None:
    """GRUB's environment blocks are 1024 bytes long, or GRUB cannot write them."""
    disk = InstalledDisk(install)
    # Kairos writes the second one only where the configuration names the entry.
    blocks = [disk.tree("COS_OEM")["grubenv"], disk.tree("COS_STATE").get("grub_oem_env")]
    assert [block.size for block in blocks if block is not None and block.size != 1024] == []


def test_nothing_stays_mounted(install: NodeFacts) -> None:
    """No partition of the disk stays mounted."""
    assert install.text("mounted").strip() == ""


@pytest.mark.contract("3 admin user")
def test_a_config_without_an_admin_is_refused(live: NodeFacts) -> None:
    """A configuration without a user in group admin is refused."""
    assert live.answer("install-nobody").status != 0


@pytest.mark.contract("4 sizes")
def test_a_layout_that_does_not_fit_is_refused(live: NodeFacts) -> None:
    """A layout that is larger than the disk is refused, with the reason."""
    assert live.answer("install-large").status != 0
    assert "does not fit in the target disk" in live.answer("install-large").text


@pytest.mark.contract("4 sizes")
def test_a_refused_installation_writes_nothing(live: NodeFacts) -> None:
    """After a refusal the disk is as it was."""
    assert live.answer("install-large").status != 0
    assert live.answer("blank").text == live.answer("still-blank").text
