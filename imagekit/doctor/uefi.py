"""UEFI firmware for machines with the profiles uefi and uefi-secure, by the descriptions that libvirt chooses from.

https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/firmware.json
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from imagekit.base.strictjson import read_object
from imagekit.doctor.distribution import remedy
from imagekit.doctor.model import Finding, Host, Need, State

FOLDERS = (Path("/usr/share/qemu/firmware"), Path("/etc/qemu/firmware"))
_SECURE = {"secure-boot", "enrolled-keys", "requires-smm"}


def check(host: Host, folders: Sequence[Path] = FOLDERS) -> Finding:
    """Whether there is one firmware without Secure Boot and one with it and enrolled keys."""
    wanted = "for firmware uefi: OVMF, plain and with enrolled keys"
    found = list(_features(folders))
    plain = any("enrolled-keys" not in features for features in found)
    secure = any(features >= _SECURE for features in found)
    if plain and secure:
        return Finding(need=Need.UEFI, state=State.OK, found=f"{len(found)} firmwares", wanted=wanted)
    lacking = "only the secure one" if secure else "only a plain one" if plain else "not installed"
    return Finding(
        need=Need.UEFI,
        state=State.MISSING,
        found=lacking,
        wanted=wanted,
        remedy=remedy(host.distribution, Need.UEFI.value),
    )


def _features(folders: Sequence[Path]) -> Iterator[set[str]]:
    """The features of every UEFI firmware for this project's machines."""
    for path in sorted(path for folder in folders for path in folder.glob("*.json")):
        try:
            text = read_object(path.read_bytes(), str(path))
        except (OSError, ValueError):
            continue  # a broken description is none; libvirt skips it as well
        targets = [target.get("architecture") for target in text.get("targets", [])]
        if "uefi" in text.get("interface-types", []) and "x86_64" in targets:
            yield set(text.get("features", []))
