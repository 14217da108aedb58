"""Sources of advisories as imagekit.yaml names them: files, folders, and mirrors with a copy kept here."""

from __future__ import annotations

import json
import logging
import os
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import IO

from imagekit.base.log import step
from imagekit.config.settings import AdvisorySource
from imagekit.cve.errors import NoAdvisoriesError
from imagekit.cve.model import Advisories, Advisory
from imagekit.cve.osv import read_osv
from imagekit.cve.tracker import read_tracker

logger = logging.getLogger(__name__)
_FRESH = timedelta(hours=6)  # a copy that is younger is not fetched again
_MOST = 2 << 30
_DOCS = "`advisories` in imagekit.yaml names them, see docs/vulnerabilities.md."
Open = Callable[[str], IO[bytes]]


@dataclass(frozen=True, slots=True)
class Local:
    """A source on this machine: where, how old its data are, and in words where they came from."""

    path: Path
    as_of: datetime
    said: str


def load(sources: Sequence[AdvisorySource], distro: str, *, root: Path, cache: Path, now: datetime) -> Advisories:
    """Everything that the sources say of a distribution such as ``debian-13``; as old as the oldest of them.

    Raises `NoAdvisoriesError` where none is named, one cannot be reached and was never fetched, or none speaks of the
    distribution; `AdvisoryError` for one that does not read. A source that is left out would look like fewer
    vulnerabilities, so each must be there.
    """
    if not sources:
        raise NoAdvisoriesError("no source of advisories is named: what is vulnerable cannot be told", hint=_DOCS)
    by_name: dict[str, list[Advisory]] = defaultdict(list)
    ages, said = [], []
    for source in sources:
        local = located(source, root=root, cache=cache, now=now)
        as_of = local.as_of
        if source.kind == "osv":
            found, newest = read_osv(local.path, distro)
            as_of = newest or as_of
        else:
            found = read_tracker(local.path, distro)
        for name, advisories in found.items():
            by_name[name].extend(advisories)
        ages.append(as_of)
        said.append(f"{source.kind} {local.said}, as of {as_of:%Y-%m-%d %H:%M}")
    return Advisories(
        distro=distro,
        by_name={name: tuple(each) for name, each in by_name.items()},
        as_of=min(ages),
        said=tuple(said),
    )


def located(source: AdvisorySource, *, root: Path, cache: Path, now: datetime) -> Local:
    """The source as a file or folder here; an address is fetched, or its copy of earlier taken when that fails."""
    if source.at.startswith(("http://", "https://")):
        return _mirrored(source.at, cache, now, _opened)
    path = root / source.at
    try:
        files = [path] if path.is_file() else [each for each in path.rglob("*.json") if each.is_file()]
        newest = max((each.stat().st_mtime for each in files), default=None)
    except OSError as error:
        raise NoAdvisoriesError(f"{path}: {error.strerror}", hint=_DOCS) from None
    if newest is None:
        raise NoAdvisoriesError(f"{path}: no advisories there", hint=_DOCS)
    return Local(path, datetime.fromtimestamp(newest, UTC), f"{source.at} (time of the file)")


def _mirrored(address: str, cache: Path, now: datetime, opened: Open) -> Local:
    name = sha256(address.encode()).hexdigest()[:24]
    suffix = ".zip" if address.partition("?")[0].endswith(".zip") else ".json"
    path, note = cache / f"{name}{suffix}", cache / f"{name}.note"
    kept = _noted(note) if path.exists() else None
    if kept is not None and now - kept[0] < _FRESH:
        return Local(path, kept[1], f"{address} (fetched {kept[0]:%Y-%m-%d %H:%M})")
    try:
        as_of = _fetch(address, path, now, opened)
    except (OSError, HTTPException, ValueError) as error:
        if kept is None:
            raise NoAdvisoriesError(f"{address} cannot be read ({error}), and no copy is kept", hint=_DOCS) from None
        logger.warning("WARNING: %s cannot be read (%s); its copy of %s is used", address, error, kept[0].date())
        return Local(path, kept[1], f"{address} (not reachable; copy of {kept[0]:%Y-%m-%d %H:%M})")
    note.write_text(json.dumps({"fetched": now.isoformat(), "as_of": as_of.isoformat()}))
    return Local(path, as_of, f"{address} (fetched now)")


def _fetch(address: str, path: Path, now: datetime, opened: Open) -> datetime:
    """Write the answer whole or not at all; what it is dated, which is never later than now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside, total = path.with_name(f".{path.name}.{os.getpid()}"), 0
    try:
        with step(f"Advisories of {address}"), opened(address) as answer, beside.open("wb") as sink:
            while chunk := answer.read(1 << 20):
                total += len(chunk)
                if total > _MOST:
                    raise ValueError(f"more than {_MOST >> 20} MiB")
                sink.write(chunk)
            headers = getattr(answer, "headers", {})
            expected = headers.get("Content-Length")
            if expected is not None and int(expected) != total:
                raise ValueError(f"{total} of {expected} bytes came")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    with suppress(TypeError, ValueError):
        return min(now, parsedate_to_datetime(str(headers.get("Last-Modified"))).astimezone(UTC))
    return now


def _opened(address: str) -> IO[bytes]:
    answer: IO[bytes] = urllib.request.urlopen(address, timeout=60)
    return answer


def _noted(note: Path) -> tuple[datetime, datetime] | None:
    try:
        said = json.loads(note.read_text())
        return datetime.fromisoformat(said["fetched"]), datetime.fromisoformat(said["as_of"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
