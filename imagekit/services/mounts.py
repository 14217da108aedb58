"""Mounts that a killed daemon leaves behind."""

from __future__ import annotations

import re
from pathlib import Path

from imagekit.base.process import run

_MOUNTINFO = Path("/proc/self/mountinfo")
_UMOUNT_SECONDS = 20.0
_UMOUNT_REFUSED = 32


def below(folder: Path, mountinfo: str) -> list[Path]:
    """Mount points at or below a folder, deepest first; `mountinfo` as in proc(5), where odd characters are octal."""
    points = [Path(re.sub(r"\\([0-7]{3})", _character, line.split()[4])) for line in mountinfo.splitlines()]
    found = [point for point in points if point.is_relative_to(folder)]
    return sorted(found, key=lambda point: len(point.parts), reverse=True)


def unmount_below(folder: Path) -> None:
    """Unmount everything at or below a folder, lazily: no living process uses it."""
    for point in below(folder, _MOUNTINFO.read_text()):
        run(["umount", "--lazy", point], timeout=_UMOUNT_SECONDS, ok=(0, _UMOUNT_REFUSED))


def _character(match: re.Match[str]) -> str:
    return chr(int(match.group(1), 8))
