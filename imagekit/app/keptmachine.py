"""Machines that a run keeps for people: who holds them, until when, and how another process works on them.

A kept machine belongs to the process that booted it (`imagekit test --keep`): it ends with it, however that ends. What
is written here is how others find it: a file in the work folder, true as long as its owner lives. Taking the file away
tells the owner to end the machine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from imagekit.base import process
from imagekit.base.errors import ConfigError
from imagekit.base.files import write_whole
from imagekit.base.waiting import Deadline, DeadlineError, wait_until
from imagekit.checks.bootcost import BootCost
from imagekit.checks.tlspeer import Peers
from imagekit.fixtures.network import FixtureNetwork
from imagekit.machine.interface import BootPath, Start
from imagekit.machine.libvirt.agent import GuestAgent

_FOLDER = "kept"
_POLL = 0.2  # seconds between looks at the file


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMachine:
    """A running machine; `pace` is how much slower it is than the machine of reference, times are ISO 8601 in UTC."""

    image: str
    boot_path: BootPath
    run_id: str
    version: str
    digest: str
    folder: str
    login: str
    alias: str
    ssh_config: str
    pace: float
    peers: Peers
    start: Start = Start.COLD
    suite: str = ""  # the suite that it was prepared for; empty: the checks of its layers
    network: FixtureNetwork | None = None  # the fixtures of that suite
    judged: str = ""  # where it is kept what checks judged of its cold boot; empty: nowhere
    cost: BootCost | None = None
    agent: GuestAgent | None = None
    pid: int = 0
    started: float = 0.0
    place: str = ""
    since: str = ""
    until: str = ""

    @property
    def name(self) -> str:
        """What `imagekit machines` calls it."""
        return f"{self.run_id}-{self.boot_path}"

    @property
    def config(self) -> Path:
        """The ssh_config that reaches it."""
        return Path(self.ssh_config)

    @property
    def owned(self) -> bool:
        """Whether the process that keeps it lives."""
        return process.elsewhere(self.place) or (
            self.place == process.place() and process.alive(self.pid, started=self.started)
        )


def hold(work: Path, machine: KeptMachine, age: timedelta, ended: Callable[[], bool]) -> str:
    """Keep a machine until `ended`, until its file is taken away, or so long; returns why it is not kept any more."""
    now = datetime.now(UTC)
    kept = replace(
        machine,
        pid=os.getpid(),
        started=process.start_time(os.getpid()),
        place=process.place(),
        since=now.isoformat(timespec="seconds"),
        until=(now + age).isoformat(timespec="seconds"),
    )
    path = _path(work, kept)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(asdict(kept), indent=1) + "\n")
    try:
        wait_until(
            lambda: ended() or not path.exists(),
            Deadline.after(age.total_seconds()),
            what="the end of the kept machine",
            every=_POLL,
            silent=True,
        )
    except DeadlineError:
        return f"kept for {_hours(age)}, which is as long as was asked for"
    finally:
        stopped = not path.exists()
        path.unlink(missing_ok=True)
    return "stopped by `imagekit machines stop`" if stopped else ""


def kept_machines(work: Path) -> tuple[KeptMachine, ...]:
    """Those that are kept now, the newest first; what dead owners left is removed."""
    found = []
    for path in sorted((work / _FOLDER).glob("*.json"), reverse=True):
        machine = _read(path)
        if machine is None or not machine.owned:
            path.unlink(missing_ok=True)
        else:
            found.append(machine)
    return tuple(found)


def kept_machine(work: Path, image: str | None = None, boot_path: BootPath | None = None) -> KeptMachine | None:
    """The newest kept machine, of an image and a boot path where these are named."""
    wanted = (
        each for each in kept_machines(work) if image in (None, each.image) and boot_path in (None, each.boot_path)
    )
    return next(wanted, None)


def stop_machine(work: Path, machine: KeptMachine, *, seconds: float = 60.0) -> bool:
    """Tell its owner to end a machine and wait for that; whether it was seen to end."""
    path = _path(work, machine)
    path.unlink(missing_ok=True)
    control = Path(machine.ssh_config).parent
    try:
        wait_until(
            lambda: not machine.owned or not control.exists(),
            Deadline.after(seconds),
            what=f"the end of {machine.name}",
            every=_POLL,
        )
    except DeadlineError:
        return False
    return True


def machine_named(work: Path, text: str) -> KeptMachine:
    """The kept machine whose name, or whose image, this is; raises `ConfigError`."""
    every = kept_machines(work)
    found = [each for each in every if each.name.startswith(text) or each.image == text]
    if len(found) == 1:
        return found[0]
    names = ", ".join(each.name for each in every) or "none"
    what = f"{len(found)} kept machines are" if found else "no kept machine is"
    raise ConfigError(f"{what} called {text!r}", hint=f"Kept now: {names}.")


def _read(path: Path) -> KeptMachine | None:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(KeptMachine).validate_json(path.read_bytes())
    except (OSError, ValueError, ValidationError):
        return None


def _path(work: Path, machine: KeptMachine) -> Path:
    return work / _FOLDER / f"{machine.name}.json"


def _hours(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"
