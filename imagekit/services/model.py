"""What a daemon is made of, and where its state lies."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from imagekit.base.errors import ToolError
from imagekit.services.mounts import unmount_below


class ServiceError(ToolError):
    """A daemon could not be started, or ended before its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """A program to keep running: `state` holds its locks, `log` what it writes.

    `environment` is added to what every child gets. A killed one leaves `leftovers` (files, folders) and mounts at or
    below `mounts` behind. `runtime` is a folder for its sockets, made before its start and removed after its end.
    `busy` names a function (``module:function``) that, while it says yes, keeps the daemon running.
    """

    name: str
    argv: tuple[str, ...]
    state: Path
    log: Path
    leftovers: tuple[Path, ...] = ()
    mounts: tuple[Path, ...] = ()
    runtime: Path | None = None
    busy: str = ""
    time_limit: float = 60.0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def lock(self) -> Path:
        """Held while one process looks and starts."""
        return self.state / f"{self.name}.lock"

    @property
    def lease(self) -> Path:
        """Held shared by every user of the daemon."""
        return self.state / f"{self.name}.lease"

    @property
    def keep(self) -> Path:
        """Exists between `services up` and `services down`."""
        return self.state / f"{self.name}.keep"

    @property
    def record(self) -> Path:
        """Written by the guard: what runs, or how it ended."""
        return self.state / f"{self.name}.json"

    def remove_leftovers(self) -> None:
        """Remove what a daemon that no longer runs left behind; folders whole, as far as they can be removed."""
        for folder in self.mounts:
            unmount_below(folder)
        for path in self.leftovers:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def make_runtime(self) -> None:
        """Make the folder for sockets, for this user alone."""
        if self.runtime is not None:
            self.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)

    def remove_runtime(self) -> None:
        """Remove that folder with the empty ones in it, and the one around it, unless something else is in them."""
        if self.runtime is None or not self.runtime.is_dir():
            return
        for folder in (*(path for path in self.runtime.iterdir() if path.is_dir()), self.runtime, self.runtime.parent):
            with suppress(OSError):
                folder.rmdir()

    def to_json(self) -> str:
        """The daemon as text, for its guard."""
        return json.dumps(asdict(self), default=os.fspath)

    @classmethod
    def from_json(cls, text: str) -> Daemon:
        """Read what `to_json` wrote."""
        data = json.loads(text)
        return cls(
            name=data["name"],
            argv=tuple(data["argv"]),
            state=Path(data["state"]),
            log=Path(data["log"]),
            leftovers=tuple(Path(path) for path in data["leftovers"]),
            mounts=tuple(Path(path) for path in data["mounts"]),
            runtime=Path(data["runtime"]) if data["runtime"] else None,
            busy=data["busy"],
            time_limit=data["time_limit"],
            environment=data["environment"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonRecord:
    """A guard and its daemon: process ids with their start (seconds since boot), and the exit status once it ended."""

    guard: int
    guard_started: float
    pid: int
    started: float
    ended: int | None = None

    def write(self, path: Path) -> None:
        """Replace `path` in one step."""
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self)))
        fresh.replace(path)

    @classmethod
    def read(cls, path: Path) -> DaemonRecord | None:
        """What `path` says; None where there is no record, or none that can be read."""
        try:
            return cls(**json.loads(path.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """How one service stands; `address` is where it answers, `ours` whether imagekit started it."""

    name: str
    running: bool
    ours: bool
    kept: bool
    address: str
    detail: str


def state_folder(work: Path) -> Path:
    """Folder of locks and records under the work folder, made when missing."""
    folder = work / "services"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def runtime_folder(work: Path) -> Path:
    """Short folder for sockets, whose paths end at 107 bytes: /run/imagekit-<8 hex of the work folder's path>."""
    name = f"imagekit-{hashlib.sha256(os.fsencode(work.resolve())).hexdigest()[:8]}"
    base = Path("/run") if os.geteuid() == 0 else Path(os.environ.get("XDG_RUNTIME_DIR", "/tmp"))
    return base / name
