"""GRUB on an installed disk, made of what the image carries: what boots it, and what it reads.

What `grub-install`, the agent and its after-install stages leave on a Kairos node is put there without running any of
them: no program of the image runs on this host.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagekit.artifact.errors import NotBootableError
from imagekit.artifact.flatroot import FlatRoot
from imagekit.artifact.programs import first_of
from imagekit.base import process

_TIMEOUT = 60.0
BIOS_MODULES = "usr/lib/grub/i386-pc"
# What finds COS_STATE on a GPT disk; everything else GRUB loads from there.
_CORE = ("biosdisk", "part_gpt", "ext2", "search_label")
_CORE_CONFIG = "search.fs_label COS_STATE root\nset prefix=($root)/grub\n"
_EFI_CONFIG = (
    "search --no-floppy --label --set=root COS_STATE\nset prefix=($root)/grub2\nconfigfile ($root)/grub2/grub.cfg\n"
)
_EFI_MODULES = ("loopback", "squash4", "xzio", "gzio")  # as the agent copies; signed GRUB has all others in itself
# Debian, then RHEL and its rebuilds
_SHIM = (r"usr/lib/shim/shimx64\.efi\.signed", r"boot/efi/EFI/(?!BOOT)[^/]+/shimx64\.efi")
_SIGNED = (r"usr/lib/grub/x86_64-efi-signed/grubx64\.efi\.signed", r"boot/efi/EFI/(?!BOOT)[^/]+/grubx64\.efi")
_MOK = (r"usr/lib/shim/mmx64\.efi(\.signed)?", r"boot/efi/EFI/(?!BOOT)[^/]+/mmx64\.efi")
_UNSIGNED = (r"usr/lib/grub/x86_64-efi/monolithic/grubx64\.efi",)
# Kairos's own grub.cfg loads it: Debian and RHEL, then RHEL's EFI partition
_FONT = (r"usr/share/grub/unicode\.pf2", r"boot/efi/EFI/[^/]+/fonts/unicode\.pf2", r"boot/grub2?/fonts/unicode\.pf2")
_STATE_MOUNTS = ("/run/cos/state/", "/run/initramfs/cos-state/", "/tmp/mnt/STATE/")
_ENVIRONMENT = 1024  # bytes, always: GRUB writes into the block that is there
_LBA_IN_BOOT, _JUMP_IN_BOOT, _LBA_IN_CORE = 0x5C, 0x66, 0x1F4

# What a node does when its image brings no boot assessment as files of an after-install stage: Kairos's rules.
_ASSESSMENT = """\
search --no-floppy --file --set=boot_assessment_blk /boot_assessment
if [ -n "${boot_assessment_blk}" ]; then load_env -f (${boot_assessment_blk})/boot_assessment; fi
if [ "${enable_boot_assessment}" = "yes" -o "${enable_boot_assessment_always}" = "yes" ]; then
    if [ -z "${selected_entry}" ]; then
        if [ "${boot_assessment_tentative}" = "yes" ]; then
            set default=fallback
            set extra_passive_cmdline=upgrade_failure
        else
            set boot_assessment_tentative=yes
            save_env -f (${boot_assessment_blk})/boot_assessment boot_assessment_tentative
        fi
    fi
fi
"""
_CUSTOM = """\
search --no-floppy --file --set=bootfile_loc /grub_boot_assessment
if [ -n "${bootfile_loc}" ]; then source (${bootfile_loc})/grub_boot_assessment; fi
"""


@dataclass(frozen=True, slots=True)
class BiosCore:
    """Boot code of the first sector and what follows it in the BIOS boot partition."""

    boot_code: bytes
    core: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BootFiles:
    """All that boots an installed disk; file names relative to COS_GRUB and COS_STATE."""

    bios: BiosCore
    efi: dict[str, bytes]
    state: dict[str, bytes]


def boot_files(root: FlatRoot, folder: Path, lba: int) -> BootFiles:
    """GRUB for BIOS and UEFI from an image; see `bios_core`, `efi_files`, `state_files`."""
    return BootFiles(bios=bios_core(root, folder, lba), efi=efi_files(root), state=state_files(root))


def bios_core(root: FlatRoot, folder: Path, lba: int) -> BiosCore:
    """GRUB for BIOS, with the image's modules, for a partition that begins at sector `lba`; `folder` is scratch.

    Where boot.img and diskboot.img keep addresses: grub-core/boot/i386/pc of GRUB's source.
    Raises `NotBootableError` when the image has no GRUB for BIOS.
    """
    core = bytearray(core_image(root, folder, config=_CORE_CONFIG, prefix="/grub", modules=_CORE))
    core[_LBA_IN_CORE : _LBA_IN_CORE + 8] = struct.pack("<Q", lba + 1)
    boot = bytearray((root.read(f"/{BIOS_MODULES}/boot.img") or b"")[:440])
    boot[_LBA_IN_BOOT : _LBA_IN_BOOT + 8] = struct.pack("<Q", lba)
    boot[_JUMP_IN_BOOT : _JUMP_IN_BOOT + 2] = b"\x90\x90"  # trust the drive number that the BIOS tells
    return BiosCore(bytes(boot), bytes(core))


def core_image(root: FlatRoot, folder: Path, *, config: str, prefix: str, modules: tuple[str, ...]) -> bytes:
    """What grub-mkimage makes of the image's modules for BIOS, which are left in ``folder/i386-pc``."""
    place = folder / "i386-pc"
    place.mkdir()
    for name, data in _bios_modules(root).items():
        (place / name).write_bytes(data)
    (folder / "core.cfg").write_text(config)
    program = first_of(("grub-mkimage", "grub2-mkimage"), "grub-common")
    argv: list[str | Path] = [program, "-O", "i386-pc", "-d", place, "-p", prefix]
    argv += ["-c", folder / "core.cfg", "-o", folder / "core.img", *modules]
    process.run(argv, timeout=_TIMEOUT)
    return (folder / "core.img").read_bytes()


def efi_files(root: FlatRoot) -> dict[str, bytes]:
    """Files of COS_GRUB, whose GRUB goes on with what is on COS_STATE; see `efi_loaders`."""
    return efi_loaders(root, _EFI_CONFIG)


def efi_loaders(root: FlatRoot, config: str) -> dict[str, bytes]:
    """Files of an EFI partition: shim and signed GRUB by the fallback name, or GRUB alone where it is not signed.

    Raises `NotBootableError` when the image has neither.
    """
    shim, signed = _one(root, _SHIM), _one(root, _SIGNED)
    if shim and signed:
        made = {"EFI/boot/bootx64.efi": shim, "EFI/boot/grubx64.efi": signed}
        if mok := _one(root, _MOK):
            made["EFI/boot/mmx64.efi"] = mok
        loader = signed
    elif unsigned := _one(root, _UNSIGNED):
        made, loader = {"EFI/boot/bootx64.efi": unsigned}, unsigned
    else:
        raise NotBootableError(
            "the image has no GRUB for UEFI",
            hint="Debian: shim-signed and grub-efi-amd64-signed; RHEL: shim-x64 and grub2-efi-x64.",
        )
    made["EFI/boot/grub.cfg"] = config.encode()
    for home in re.findall(rb"/EFI/([A-Za-z0-9_-]+)\0", loader):  # where this GRUB was told to look
        made[f"EFI/{home.decode()}/grub.cfg"] = config.encode()
    return made


def state_files(root: FlatRoot) -> dict[str, bytes]:
    """Files of COS_STATE that GRUB reads; for BIOS below /grub, for UEFI below /grub2."""
    menu = root.read("/etc/cos/grub.cfg")
    if menu is None:
        raise NotBootableError(
            "the image has no /etc/cos/grub.cfg", hint="The framework's install stage writes it; see the base layer."
        )
    made = {"grub/grub.cfg": menu, "grub2/grub.cfg": menu}
    made |= {f"grub/i386-pc/{name}": data for name, data in _bios_modules(root).items() if not name.endswith(".img")}
    for name in _EFI_MODULES:
        if data := root.read(f"/usr/lib/grub/x86_64-efi/{name}.mod"):
            made[f"grub2/x86_64-efi/{name}.mod"] = data
    if font := _one(root, _FONT):
        made |= {f"{place}/fonts/unicode.pf2": font for place in ("grub", "grub2")}
    made["grub_oem_env"] = environment(_entry_name(root))
    made["boot_assessment"] = environment({})
    made |= {"grub_boot_assessment": _ASSESSMENT.encode(), "grubcustom": _CUSTOM.encode()}
    if branding := root.read("/etc/kairos/branding/grubmenu.cfg"):
        made["grubmenu"] = branding
    return made | _after_install(root)


def environment(values: Mapping[str, str]) -> bytes:
    """A GRUB environment block of 1024 bytes."""
    text = "# GRUB Environment Block\n" + "".join(f"{key}={value}\n" for key, value in values.items())
    return text.encode().ljust(_ENVIRONMENT, b"#")


def _bios_modules(root: FlatRoot) -> dict[str, bytes]:
    paths = list(root.matching(BIOS_MODULES + r"/[^/]+\.(mod|lst|img)"))
    if f"{BIOS_MODULES}/boot.img" not in paths:
        raise NotBootableError(
            "the image has no GRUB for BIOS", hint="Debian: grub-pc-bin; RHEL: grub2-pc-modules in the base layer."
        )
    return {path.rpartition("/")[2]: root.read(path) or b"" for path in paths}


def _one(root: FlatRoot, patterns: tuple[str, ...]) -> bytes | None:
    for pattern in patterns:
        for path in root.matching(pattern):
            return root.read(path)
    return None


def _entry_name(root: FlatRoot) -> dict[str, str]:
    lines = (root.read("/etc/os-release") or b"").decode("utf-8", "replace").splitlines()
    names = [line.partition("=")[2].strip("\"'") for line in lines if line.startswith("GRUB_ENTRY_NAME=")]
    return {"default_menu_entry": names[0]} if names else {}


def _after_install(root: FlatRoot) -> dict[str, bytes]:
    """Files that the image's own after-install stages write to COS_STATE, in the order of their names."""
    made: dict[str, bytes] = {}
    for path in root.matching(r"system/oem/[^/]+\.ya?ml"):
        for step in _after_install_steps(root.read(path) or b""):
            made |= _step_files(step)
    return made


def _after_install_steps(text: bytes) -> list[Any]:
    import yaml

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        return []  # the framework skips such a file too
    stages = document.get("stages") if isinstance(document, dict) else None
    steps = stages.get("after-install") if isinstance(stages, dict) else None
    return steps if isinstance(steps, list) else []


def _step_files(step: Any) -> dict[str, bytes]:
    files = step.get("files") if isinstance(step, dict) else None
    made = {}
    for file in files if isinstance(files, list) else []:
        if not isinstance(file, dict) or file.get("encoding"):
            continue
        path, content = str(file.get("path") or ""), str(file.get("content") or "")
        for mount in _STATE_MOUNTS:
            if path.startswith(mount) and ".." not in path:
                made[path.removeprefix(mount)] = content.encode()
    return made
