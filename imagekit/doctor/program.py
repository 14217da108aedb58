"""Look for a program and its version."""

from __future__ import annotations

import re
import shutil

from imagekit.base.errors import ToolError
from imagekit.base.process import run
from imagekit.doctor.distribution import remedy
from imagekit.doctor.model import Finding, Host, Need, State

_SECONDS = 15.0
_VERSION = re.compile(r"\d+(?:\.\d+)+")


def version_of(argv: list[str]) -> str | None:
    """The first version number in what a program prints; "" when there is none, None without the program."""
    if shutil.which(argv[0]) is None:
        return None
    try:
        done = run(argv, timeout=_SECONDS, ok=range(256))
    except ToolError:
        return ""
    match = _VERSION.search(done.stdout + done.stderr)
    return match.group() if match else ""


def at_least(version: str, least: tuple[int, ...]) -> bool:
    """Whether a dotted version is as new as `least`."""
    return tuple(int(part) for part in version.split(".")[: len(least)]) >= least


def judge(host: Host, need: Need, argv: list[str], least: tuple[int, ...] = ()) -> Finding:
    """A finding about one program that has to be there, of at least a version."""
    wanted = f"{argv[0]} {'.'.join(map(str, least))} or newer" if least else argv[0]
    version = version_of(argv)
    help_with = remedy(host.distribution, need.value)
    if version is None:
        return Finding(need=need, state=State.MISSING, found="not installed", wanted=wanted, remedy=help_with)
    found = f"{argv[0]} {version}".strip()
    if not version and least:
        return Finding(need=need, state=State.BROKEN, found="tells no version", wanted=wanted, remedy=help_with)
    if least and not at_least(version, least):
        return Finding(need=need, state=State.BROKEN, found=f"{found}: too old", wanted=wanted, remedy=help_with)
    return Finding(need=need, state=State.OK, found=found, wanted=wanted)
