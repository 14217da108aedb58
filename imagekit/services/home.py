"""Where the embedded registry of a work folder answers: a port that is found once and then kept.

References name it, in the ledger and in channel files, so it stays the same over restarts. Two checkouts, or two users,
have work folders of their own, and so ports of their own.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from imagekit.base.errors import ToolError
from imagekit.base.filelock import lock
from imagekit.base.files import write_whole
from imagekit.services import ports
from imagekit.services.model import ServiceError, state_folder

_HOST = "127.0.0.1"
# Below the ports that Linux gives to outgoing connections (ip_local_port_range begins at 32768), so that none of them
# sits on ours when the registry starts again.
_FIRST, _PORTS = 20000, 12000


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The registry's ``host:port``, and those it had before: references may still name them."""

    address: str
    former: tuple[str, ...] = ()


def home(work: Path) -> Home:
    """Where the registry of a work folder is; found and recorded when asked for the first time.

    A port on which nothing is published yet is given up when somebody else listens there. Below a read-only checkout
    nothing can be recorded, nor served. Raises `ServiceError` for a record that cannot be read: guessing another port
    would cut all references off.
    """
    if _read_only(work):
        return _read(work) or Home(address=_earlier(work) or _free(work))
    with _alone(work):
        found = _read(work)
        if found is None:
            found = Home(address=_earlier(work) or _free(work))
        elif not (_served(work) or _content(work)) and not _is_free(found.address):
            found = Home(address=_free(work))
        _write(work, found)
        return found


def move(work: Path) -> Home:
    """Give the registry another port; references that name an earlier one are still understood in this checkout."""
    old = home(work)
    with _alone(work):
        former = (old.address, *old.former)
        moved = Home(address=_free(work, but=former), former=former)
        _write(work, moved)
        return moved


def present(work: Path, address: str) -> str:
    """Where a reference's registry is now: an address that was ours before is the one of today."""
    if not _record(work).exists():
        return address
    known = home(work)
    return known.address if address in known.former else address


def _record(work: Path) -> Path:
    return work / "services" / "registry-address.json"


def _read(work: Path) -> Home | None:
    path = _record(work)
    try:
        data = json.loads(path.read_text())
        return Home(address=str(data["address"]), former=tuple(map(str, data["former"])))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ServiceError(
            f"{path}: where the embedded registry answers cannot be read ({error})",
            hint="References name that address. Write it there again, as "
            '{"address": "127.0.0.1:PORT", "former": []}, or remove the file when nothing is published.',
        ) from None


def _write(work: Path, found: Home) -> None:
    if _read(work) != found:
        write_whole(_record(work), json.dumps(asdict(found)) + "\n")


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    try:
        folder = state_folder(work)
        with (folder / "registry-address.lock").open("a") as stream:
            lock(stream)
            yield
    except PermissionError as error:
        raise ToolError(
            f"{work} belongs to another user ({error})",
            hint="Work in one checkout as one user: clone it again for yourself, or take the folder over with chown.",
        ) from None


def _read_only(work: Path) -> bool:
    """Whether the file system of a work folder, there or to be made, is mounted read-only."""
    there = next(path for path in (work, *work.parents) if path.exists())
    return bool(os.statvfs(there).f_flag & os.ST_RDONLY)


def _earlier(work: Path) -> str:
    """The address that an imagekit from before this record served last, by the configuration it left; empty if none."""
    found = sorted((work / "registry").glob(f"config-{_HOST}-*.json"), key=lambda path: path.stat().st_mtime)
    return f"{_HOST}:{found[-1].stem.rpartition('-')[2]}" if found else ""


def _served(work: Path) -> bool:
    """Whether a server of ours may run: its lease has a record."""
    return any((work / "services").glob("registry-[0-9]*.json"))


def _content(work: Path) -> bool:
    return (work / "registry" / "docker" / "registry" / "v2" / "repositories").exists()


def _is_free(address: str) -> bool:
    return ports.free(_HOST, int(address.rpartition(":")[2]))


def _free(work: Path, but: Sequence[str] = ()) -> str:
    """A port that is free now, from a place that is the folder's own, so that two of them seldom try the same."""
    start = int.from_bytes(hashlib.sha256(os.fsencode(work.resolve())).digest()[:4], "big")
    for step in range(_PORTS):
        address = f"{_HOST}:{_FIRST + (start + step) % _PORTS}"
        if address not in but and _is_free(address):
            return address
    raise ServiceError("no free port for the embedded registry", hint="Name one as `registry` in imagekit.yaml.")
