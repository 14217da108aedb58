"""What GRUB finds on an installed disk, taken from the image: modules, loaders, its menu, the boot assessment."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from imagekit.artifact.errors import NotBootableError
from imagekit.artifact.flatroot import FlatRoot, index_tar
from imagekit.artifact.grub import efi_files, environment, state_files
from tests.support.layout import layer, member, symlink

Members = list[tuple[tarfile.TarInfo, bytes]]
MODULES: Members = [
    member(f"usr/lib/grub/i386-pc/{name}", name.encode()) for name in ("boot.img", "ext2.mod", "fs.lst")
]
MENU: Members = [member("etc/cos/grub.cfg", b"menu"), member("etc/kairos/branding/grubmenu.cfg", b"more")]
SIGNED: Members = [
    member("usr/lib/shim/shimx64.efi.signed", b"shim"),
    member("usr/lib/shim/mmx64.efi.signed", b"mok"),
    member("usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed", b"\0grub\0/EFI/debian\0more"),
]


def root(folder: Path, *members: tuple[tarfile.TarInfo, bytes]) -> FlatRoot:
    """An image of these members."""
    (folder / "rootfs.tar").write_bytes(layer(*members))
    return index_tar(folder / "rootfs.tar")


def test_signed_grub_gets_shim_before_it_and_finds_its_way_where_it_looks(tmp_path: Path) -> None:
    files = efi_files(root(tmp_path, *SIGNED))
    assert (files["EFI/boot/bootx64.efi"], files["EFI/boot/mmx64.efi"]) == (b"shim", b"mok")
    assert files["EFI/boot/grubx64.efi"].startswith(b"\0grub")
    assert files["EFI/debian/grub.cfg"] == files["EFI/boot/grub.cfg"]
    assert b"COS_STATE" in files["EFI/debian/grub.cfg"]


def test_the_loaders_of_rhel_lie_elsewhere(tmp_path: Path) -> None:
    files = efi_files(
        root(
            tmp_path,
            member("boot/efi/EFI/BOOT/shimx64.efi", b"not this one"),
            member("boot/efi/EFI/rocky/shimx64.efi", b"shim"),
            member("boot/efi/EFI/rocky/grubx64.efi", b"grub /EFI/rocky\0"),
        )
    )
    assert files["EFI/boot/bootx64.efi"] == b"shim"
    assert "EFI/rocky/grub.cfg" in files


def test_without_a_signed_pair_grub_alone_is_taken(tmp_path: Path) -> None:
    files = efi_files(root(tmp_path, SIGNED[0], member("usr/lib/grub/x86_64-efi/monolithic/grubx64.efi", b"plain")))
    assert files["EFI/boot/bootx64.efi"] == b"plain"
    with pytest.raises(NotBootableError, match="UEFI"):
        efi_files(root(tmp_path, SIGNED[0]))


def test_menu_modules_and_environment_are_there_for_both_firmwares(tmp_path: Path) -> None:
    files = state_files(root(tmp_path, *MODULES, *MENU, member("usr/lib/grub/x86_64-efi/loopback.mod", b"loop")))
    assert files["grub/grub.cfg"] == files["grub2/grub.cfg"] == b"menu"
    assert {name for name in files if name.startswith("grub/i386-pc/")} == {
        *("grub/i386-pc/ext2.mod", "grub/i386-pc/fs.lst")
    }
    assert files["grub2/x86_64-efi/loopback.mod"] == b"loop"
    assert files["grubmenu"] == b"more"
    assert len(files["boot_assessment"]) == len(files["grub_oem_env"]) == 1024


@pytest.mark.parametrize(
    "place",
    ["usr/share/grub/unicode.pf2", "boot/efi/EFI/rocky/fonts/unicode.pf2", "boot/grub2/fonts/unicode.pf2"],
)
def test_the_font_that_the_menu_loads_is_where_grub_looks_for_it(tmp_path: Path, place: str) -> None:
    """K11: real Kairos's grub.cfg loads `unicode`; without the file each boot begins with an error."""
    files = state_files(root(tmp_path, *MODULES, *MENU, member(place, b"font")))
    assert (files["grub/fonts/unicode.pf2"], files["grub2/fonts/unicode.pf2"]) == (b"font", b"font")


def test_an_image_without_the_font_still_boots(tmp_path: Path) -> None:
    assert not [name for name in state_files(root(tmp_path, *MODULES, *MENU)) if "fonts" in name]


def test_a_name_for_the_menu_comes_from_os_release(tmp_path: Path) -> None:
    release = member("usr/lib/os-release", b'ID=x\nGRUB_ENTRY_NAME="My node"\n')
    files = state_files(root(tmp_path, *MODULES, *MENU, release, symlink("etc/os-release", "../usr/lib/os-release")))
    assert files["grub_oem_env"].startswith(b"# GRUB Environment Block\ndefault_menu_entry=My node\n###")


@pytest.mark.parametrize("mount", ["/run/cos/state", "/run/initramfs/cos-state", "/tmp/mnt/STATE"])
def test_what_the_images_after_install_stage_writes_to_the_state_partition_is_written(
    tmp_path: Path, mount: str
) -> None:
    """The last of these is where real Kairos mounts COS_STATE in its own 08_grub.yaml."""
    stage = b"""
stages:
  boot: [{files: [{path: /run/cos/state/not-this, content: x}]}]
  after-install:
    - files:
        - {path: MOUNT/grub_boot_assessment, content: "theirs\\n", permissions: 0644}
        - {path: MOUNT/../../etc/passwd, content: no}
        - {path: /etc/elsewhere, content: no}
    - commands: [reboot]
""".replace(b"MOUNT", mount.encode())
    files = state_files(root(tmp_path, *MODULES, *MENU, member("system/oem/08_grub.yaml", stage)))
    assert files["grub_boot_assessment"] == b"theirs\n"
    assert b"grub_boot_assessment" in files["grubcustom"]
    assert not [name for name in files if "not-this" in name or "elsewhere" in name or "passwd" in name]


@pytest.mark.parametrize("document", [b"stages: [a", b"[]", b"stages: {after-install: text}", b"\xff"])
def test_a_file_that_is_no_stage_changes_nothing(tmp_path: Path, document: bytes) -> None:
    plain = state_files(root(tmp_path, *MODULES, *MENU))
    assert state_files(root(tmp_path, *MODULES, *MENU, member("system/oem/x.yaml", document))) == plain


def test_an_image_without_grub_or_without_a_menu_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotBootableError, match="BIOS"):
        state_files(root(tmp_path, *MENU))
    with pytest.raises(NotBootableError, match=r"grub\.cfg"):
        state_files(root(tmp_path, *MODULES))


def test_an_environment_block_has_the_size_that_grub_writes_into() -> None:
    assert environment({"next_entry": "cos"}) == b"# GRUB Environment Block\nnext_entry=cos\n".ljust(1024, b"#")
