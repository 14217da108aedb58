"""Debian's security tracker as JSON: source package, then CVE, then what holds for each release.

The format is told where the tracker makes it: ``bin/tracker_service.py`` of the security-tracker repository.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from imagekit.cve.errors import AdvisoryError
from imagekit.cve.model import Advisory

_MOST = 1 << 30
# https://www.debian.org/releases/; the tracker names releases and os-release(5) numbers them.
CODENAMES = {"10": "buster", "11": "bullseye", "12": "bookworm", "13": "trixie", "14": "forky"}
_NEVER = "0"  # the tracker's fixed_version of a release that never had it


def read_tracker(path: Path, distro: str) -> dict[str, tuple[Advisory, ...]]:
    """What the tracker says of a release such as ``debian-13``; nothing for another distribution.

    Raises `AdvisoryError` for a file that is no tracker's, and for a Debian release that it does not name at all.
    """
    vendor, _, number = distro.rpartition("-")
    if vendor != "debian":
        return {}
    data, release = _data(path), CODENAMES.get(number.partition(".")[0], number)
    known = {name for cves in data.values() for each in cves.values() for name in each["releases"]}
    if release not in known:
        raise AdvisoryError(
            f"{path}: the tracker does not speak of {distro} ({release})",
            hint=f"It names: {', '.join(sorted(known)) or 'nothing'}. Is the file whole, and of today's tracker?",
        )
    return {name: found for name, cves in data.items() if (found := _of_package(path, cves, release))}


def _data(path: Path) -> dict[str, dict[str, dict[str, Any]]]:
    try:
        if path.stat().st_size > _MOST:
            raise AdvisoryError(f"{path}: larger than any tracker's data")
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise AdvisoryError(f"{path}: no JSON: {str(error)[:200]}", hint="Fetch the tracker's data again.") from None
    good = isinstance(data, dict) and data and all(isinstance(cves, dict) for cves in data.values())
    if not good or not all(_speaks(each) for cves in data.values() for each in cves.values()):
        raise AdvisoryError(
            f"{path}: not the Debian security tracker's JSON", hint="`kind` of the source may be wrong."
        )
    return data  # type: ignore[no-any-return] # its form was just checked


def _speaks(each: object) -> bool:
    """Whether a CVE's entry has the form that is read here."""
    if not isinstance(each, dict):
        return False
    said = each.setdefault("releases", {})
    return isinstance(said, dict) and all(isinstance(one, dict) for one in said.values())


def _of_package(path: Path, cves: dict[str, dict[str, Any]], release: str) -> tuple[Advisory, ...]:
    found = []
    for cve, each in cves.items():
        said = each["releases"].get(release)
        if said is None:
            continue
        status, fixed = str(said.get("status") or ""), str(said.get("fixed_version") or "")
        if status not in ("open", "resolved", "undetermined"):
            raise AdvisoryError(f"{path}: {cve}: unknown status {status!r}", hint="imagekit is too old for these data.")
        if fixed == _NEVER or (status == "resolved" and not fixed):
            continue
        urgency = str(said.get("urgency", "")).rstrip("*")
        undetermined = status == "undetermined"
        found.append(Advisory(cve=cve, fixed=fixed, urgency=urgency, undetermined=undetermined))
    return tuple(found)
