"""Saved states of booted nodes, kept by what they depend on: checked before use, evicted by size and by age.

A state is a folder of files and of one record, `saved.json`, which names them with size and hash and is written last; a
folder gets its name when it is whole. Whoever uses a state holds its lock, so that nobody evicts it meanwhile.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import IO

from imagekit.base import process
from imagekit.base.errors import ToolError
from imagekit.base.files import write_whole
from imagekit.machine.errors import HypervisorError
from imagekit.machine.identity import NodeKeys, kept_keys
from imagekit.machine.interface import BootRecord

RECORD, STATE, KEYS = "saved.json", "state", "keys.json"
JUDGED = "judged.json"  # which checks judged the cold boot, see imagekit.checks.judged
_FORMAT = 1
_MAGIC = b"QEVM"  # QEMU_VM_FILE_MAGIC, the first word of a migration stream
_NEW = ".new-"
_LOCK = "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """`saved.json`: when (UTC), what the state depends on, its files with size and SHA-256, the boot it came from."""

    format: int
    saved: str
    inputs: dict[str, str]
    files: dict[str, tuple[int, str]]
    boot: BootRecord


class UnusableStateError(ToolError):
    """A saved state is not what it should be; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedNode:
    """A booted node to continue: its keys, its disks by serial, and the cold boot that it came from."""

    folder: Path
    keys: NodeKeys
    boot: BootRecord
    saved: datetime
    disks: Mapping[str, Path]
    files: Mapping[str, tuple[int, str]]

    @property
    def state(self) -> Path:
        """Memory and devices."""
        return self.folder / STATE

    def proven(self) -> None:
        """Hash every file; raises `UnusableStateError` naming the first that changed since it was saved."""
        with ThreadPoolExecutor() as pool:
            found = dict(zip(self.files, pool.map(lambda name: _hash(self.folder / name), self.files), strict=True))
        for name, (_, wanted) in self.files.items():
            if found[name] != wanted:
                raise UnusableStateError(f"the saved state is damaged: {name} is not what was saved")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What saved states may take: bytes in all, and the age at which one is not used any more."""

    size: int
    age: timedelta


class SavedNodes:
    """The states below one folder."""

    def __init__(self, folder: Path, budget: Budget, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._folder = folder
        self._budget = budget
        self._now = now

    @contextmanager
    def held(self, name: str) -> Iterator[SavedNode]:
        """The state of that name, which nobody evicts for the time of the block.

        Raises `UnusableStateError` with the reason when there is none that can be used; what is damaged is removed.
        """
        folder = self._folder / name
        with ExitStack() as stack:
            try:
                stack.enter_context(_locked(folder, fcntl.LOCK_SH))
                found = read_saved(folder)
                self._require_young(found)
                os.utime(folder / RECORD)  # what was used last is evicted last
            except FileNotFoundError:
                raise UnusableStateError("no state of such a node is saved yet") from None
            except UnusableStateError:
                stack.close()  # our own lock would keep it
                self.forget(name)
                raise
            yield found

    def _require_young(self, found: SavedNode) -> None:
        age = self._now() - found.saved
        if age < timedelta(0):
            raise UnusableStateError(f"the saved state is of the future: {found.saved:%Y-%m-%d %H:%M} UTC")
        if age > self._budget.age:
            raise UnusableStateError(f"the saved state is {age.days} days old, {self._budget.age.days} are allowed")

    def folder(self, name: str) -> Path:
        """Where the state of that name is, or would be."""
        return self._folder / name

    def has(self, name: str) -> bool:
        """Whether a state of that name was saved whole."""
        return (self._folder / name / RECORD).is_file()

    @contextmanager
    def saving(self, name: str, inputs: Mapping[str, str], boot: BootRecord) -> Iterator[Path]:
        """A fresh folder for the files of a state; recorded and given its name when the block ends well, else removed.

        Of two processes that save the same, the first one stays.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._remove_dead()
        made = Path(tempfile.mkdtemp(prefix=f"{_NEW}{os.getpid()}-", dir=self._folder))
        try:
            yield made
            _record(made, inputs, boot, self._now())
            with suppress(OSError):  # there already: another process was quicker
                made.rename(self._folder / name)
            self.evict(but=name)
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def evict(self, but: str = "") -> tuple[str, ...]:
        """Remove states that are unusable or too old, then the least recently used until the rest fits the budget."""
        self._remove_dead()
        removed, left = [], []
        for folder in self._each():
            try:
                found = read_saved(folder)
                self._require_young(found)
                left.append(((folder / RECORD).stat().st_mtime, sum(size for size, _ in found.files.values()), folder))
            except UnusableStateError:
                removed += [folder.name] if self.forget(folder.name) else []
        total = sum(size for _, size, _ in left)
        for _, size, folder in sorted(left, key=lambda each: each[0]):
            if total > self._budget.size and folder.name != but and self.forget(folder.name):
                removed.append(folder.name)
                total -= size
        return tuple(removed)

    def clear(self) -> tuple[str, ...]:
        """Remove every state that nobody uses; their names."""
        self._remove_dead()
        return tuple(folder.name for folder in self._each() if self.forget(folder.name))

    def forget(self, name: str) -> bool:
        """Remove a state, unless somebody uses it; whether it was removed."""
        folder = self._folder / name
        with suppress(BlockingIOError, FileNotFoundError), _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
            doomed = Path(tempfile.mkdtemp(prefix=f"{_NEW}{os.getpid()}-", dir=self._folder))
            folder.rename(doomed / name)  # nobody finds it half removed
            shutil.rmtree(doomed, ignore_errors=True)
            return True
        return False

    def _each(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return [path for path in sorted(self._folder.iterdir()) if path.is_dir() and not path.name.startswith(_NEW)]

    def _remove_dead(self) -> None:
        """What a process left that was killed while it saved."""
        for left in self._folder.glob(f"{_NEW}*-*"):
            owner = left.name.removeprefix(_NEW).split("-")[0]
            if owner.isdigit() and not process.alive(int(owner)):
                shutil.rmtree(left, ignore_errors=True)


def read_saved(folder: Path) -> SavedNode:
    """The state in a folder, as its record says; sizes and the first bytes are held to it, hashes by `proven`.

    Raises `UnusableStateError` with the reason.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        record = TypeAdapter(_Record).validate_json((folder / RECORD).read_bytes())
        saved = datetime.fromisoformat(record.saved).astimezone(UTC)
        if record.format != _FORMAT:
            raise UnusableStateError(f"the saved state has the format {record.format}, not {_FORMAT}")
        _require_whole(folder, record.files)
        keys = kept_keys(folder / KEYS)
    except FileNotFoundError:
        raise UnusableStateError("the saved state was not written to its end") from None
    except UnusableStateError:
        raise
    except (OSError, ValueError, ToolError, ValidationError) as error:
        raise UnusableStateError(f"the record of the saved state cannot be read: {error}") from None
    disks = {name.removesuffix(".qcow2"): folder / name for name in record.files if name.endswith(".qcow2")}
    return SavedNode(folder=folder, keys=keys, boot=record.boot, saved=saved, disks=disks, files=record.files)


def _require_whole(folder: Path, files: Mapping[str, tuple[int, str]]) -> None:
    if not {STATE, KEYS} <= set(files):
        raise UnusableStateError("the record of the saved state names no memory or no keys")
    for name, (size, _) in files.items():
        if Path(name).name != name:
            raise UnusableStateError(f"the record of the saved state names a file elsewhere: {name[:80]!r}")
        found = (folder / name).stat().st_size
        if found != size:
            raise UnusableStateError(f"the saved state is damaged: {name} has {found} bytes, not {size}")
    with (folder / STATE).open("rb") as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            raise UnusableStateError("the saved state is damaged: it does not begin as QEMU's do")


def _record(folder: Path, inputs: Mapping[str, str], boot: BootRecord, now: datetime) -> None:
    """Name what is in a folder; the last file that is written there."""
    if not (folder / STATE).is_file() or (folder / STATE).stat().st_size == 0:
        raise HypervisorError("QEMU left no state")
    files = {path.name: (path.stat().st_size, _hash(path)) for path in sorted(folder.iterdir())}
    record = _Record(format=_FORMAT, saved=now.isoformat(), inputs=dict(inputs), files=files, boot=boot)
    write_whole(folder / RECORD, json.dumps(asdict(record), indent=1) + "\n")


def _hash(path: Path) -> str:
    state = sha256()
    with path.open("rb") as stream:
        while data := stream.read(1 << 20):
            state.update(data)
    return state.hexdigest()


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[IO[str]]:
    with (folder / _LOCK).open("a") as stream:
        fcntl.flock(stream, kind)
        yield stream
