"""OSV records, as the export of an ecosystem has them: a folder of JSON files, or the zip of one.

https://ossf.github.io/osv-schema/
"""

from __future__ import annotations

import json
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cmp_to_key, partial
from pathlib import Path
from typing import Any

from imagekit.cve.errors import AdvisoryError
from imagekit.cve.model import Advisory
from imagekit.cve.versions import compare

_MOST = 16 << 20  # bytes of one record
_MOST_RECORDS = 1_000_000
_ECOSYSTEMS = {"debian": "Debian", "almalinux": "AlmaLinux", "rocky": "Rocky Linux", "ubuntu": "Ubuntu"}
Read = tuple[dict[str, tuple[Advisory, ...]], datetime | None]


def ecosystem_of(distro: str) -> str:
    """OSV's name of a distribution such as ``debian-13``: ``Debian:13``; empty for one that is not known."""
    vendor, _, version = distro.rpartition("-")
    if vendor not in _ECOSYSTEMS:
        return ""
    return f"{_ECOSYSTEMS[vendor]}:{version if vendor == 'ubuntu' else version.partition('.')[0]}"


def read_osv(path: Path, distro: str) -> Read:
    """What the records say of a distribution, and when the newest of all was changed.

    Raises `AdvisoryError` for a record that does not read; nothing is passed over.
    """
    wanted, newest = ecosystem_of(distro), None
    found: dict[str, list[Advisory]] = defaultdict(list)
    for where, record in _records(path):
        try:
            modified = _instant(str(record["modified"]))
            newest = max(newest, modified) if newest else modified
            for name, advisory in _affected(record, wanted):
                found[name].append(advisory)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise AdvisoryError(
                f"{where}: not an OSV record: {error!r}"[:300], hint="Fetch the export again."
            ) from None
    if newest is None:
        raise AdvisoryError(f"{path}: no OSV record in it", hint="It wants the export of an ecosystem, or its folder.")
    return {name: tuple(each) for name, each in found.items()}, newest


def _records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if path.is_dir():
        for file in sorted(path.rglob("*.json")):
            yield str(file), _record(str(file), file.read_bytes()[: _MOST + 1])
        return
    if path.suffix == ".json":
        yield str(path), _record(str(path), path.read_bytes()[: _MOST + 1])
        return
    try:
        with zipfile.ZipFile(path) as packed:
            infos = [info for info in packed.infolist() if info.filename.endswith(".json")]
            if len(infos) > _MOST_RECORDS:
                raise AdvisoryError(f"{path}: more than {_MOST_RECORDS} records")
            for info in infos:
                with packed.open(info) as stream:
                    yield f"{path}: {info.filename}", _record(f"{path}: {info.filename}", stream.read(_MOST + 1))
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:  # the last: a compression it does not know
        raise AdvisoryError(f"{path}: neither a folder nor a zip of OSV records ({error})") from None


def _record(where: str, data: bytes) -> dict[str, Any]:
    try:
        record = json.loads(data) if len(data) <= _MOST else None
    except (ValueError, RecursionError) as error:
        raise AdvisoryError(f"{where}: no JSON: {str(error)[:200]}", hint="Fetch the export again.") from None
    if not isinstance(record, dict):
        raise AdvisoryError(f"{where}: not an OSV record", hint="Fetch the export again.")
    return record


def _affected(record: dict[str, Any], wanted: str) -> Iterator[tuple[str, Advisory]]:
    if record.get("withdrawn") or not wanted:
        return
    for each in record.get("affected", []):
        package = each.get("package", {})
        if package.get("ecosystem") != wanted:
            continue
        urgency = str((each.get("ecosystem_specific") or {}).get("urgency", ""))
        for cve in _cves(record):
            made = Advisory(cve=cve, urgency=urgency, versions=frozenset(map(str, each.get("versions") or ())))
            yield from ((str(package["name"]), advisory) for advisory in _stretches(each, made))


def _stretches(affected: dict[str, Any], made: Advisory) -> list[Advisory]:
    """The stretches of versions, and those named alone; what says neither in words that are known is undetermined."""
    kind = "deb" if affected["package"]["ecosystem"].startswith(("Debian", "Ubuntu")) else "rpm"
    spans = list(_spans(affected.get("ranges") or [], made, kind))
    if made.versions:
        spans.append(replace(made, listed=True))
    return spans or [replace(made, undetermined=True)]


def _spans(ranges: list[dict[str, Any]], made: Advisory, kind: str) -> Iterator[Advisory]:
    """Each stretch of versions, from an event that introduces to the one that ends it."""
    for each in ranges:
        if each.get("type") != "ECOSYSTEM":
            continue
        events = [(key, str(version)) for event in each["events"] for key, version in event.items()]
        introduced: str | None = None
        for key, version in sorted(events, key=cmp_to_key(partial(_earlier, kind))):
            if key == "introduced":
                introduced = version if introduced is None else introduced
            elif key in ("fixed", "last_affected"):
                if introduced is None:
                    raise ValueError(f"{key} {version} ends what nothing introduced")
                begun = replace(made, introduced="" if introduced == "0" else introduced)
                yield replace(begun, fixed=version) if key == "fixed" else replace(begun, last=version)
                introduced = None
        if introduced is not None:
            yield replace(made, introduced="" if introduced == "0" else introduced)


def _earlier(kind: str, one: tuple[str, str], other: tuple[str, str]) -> int:
    """The order in which events count, whatever theirs in the file is; "0" is before every version."""
    (_, a), (_, b) = one, other
    if "0" in (a, b):
        return (a != "0") - (b != "0")
    try:
        return compare(kind, a, b)
    except ValueError:
        return 0  # as they stand; a version that cannot be compared is found to be undetermined


def _cves(record: dict[str, Any]) -> tuple[str, ...]:
    """The CVEs that a record is about; a record without one goes by its own id."""
    own = str(record["id"])
    others = [str(each) for key in ("aliases", "upstream") for each in record.get(key) or ()]
    found = [each.removeprefix("DEBIAN-") for each in (own, *others)]
    return tuple(dict.fromkeys(each for each in found if each.startswith("CVE-"))) or (own,)


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)
