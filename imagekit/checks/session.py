"""What the process that runs the checks is given, and what it hands back: two small files.

The session file is JSON, written once by `imagekit.checks.runner`. The events file gets one JSON line an event,
appended as it happens, so that a run that is killed leaves everything up to that moment.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from imagekit.base.files import write_whole
from imagekit.checks.bootcost import BootCost
from imagekit.checks.tlspeer import Peers, TlsPeer
from imagekit.fixtures.network import FixtureNetwork
from imagekit.machine.interface import Start
from imagekit.machine.libvirt.agent import GuestAgent

SESSION_VARIABLE = "IMAGEKIT_VERIFY_SESSION"
_MAX_EVENTS = 32 << 20


class Event(StrEnum):
    """What can happen in a session."""

    COLLECTED = "collected"
    BROKEN = "broken"
    STARTED = "started"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Muted:
    """A check (its id) that only warns until a day (ISO date), by whose word, and the ticket."""

    check: str
    by: str
    ticket: str
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One run of the suites: which layers, against which host, with what at hand.

    `layers` are the folders of the checks, `image_layers` what the image is built of (empty: the same).
    `host` is a testinfra URL, `check_seconds` the longest a single check may take, `today` decides which warn-only
    marks have expired, `peers` are the harness's TLS servers, which run already, `profile` names the cloud-config files
    that the node was booted with, `mutes` are in force, `ids` are the only checks
    to run (empty: all), `suites` the only suites (empty: all); with `fail_fast` none is run after one that blocks.
    `network` are the fixtures beside the node, for a suite that wants some. `cost` is what the node's latest boot cost;
    None: nobody measured it. `agent` is the line to the node's guest agent, where its machine has one.
    `scap` is the file with what OpenSCAP found on the node (`imagekit.checks.scap.model`); empty: not scanned.
    `engine` is the DOCKER_HOST of the daemon whose container `host` is, where only checks
    that need no kernel are run; empty: `host` is a node.
    """

    host: str
    sudo: bool
    boot_path: str
    layers: tuple[str, ...]
    checks_root: str
    images_root: str
    events: str
    family: str
    check_seconds: float
    today: str
    peers: Peers | None = None
    start: str = Start.COLD
    profile: tuple[str, ...] = ()
    mutes: tuple[Muted, ...] = ()
    ids: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    fail_fast: bool = False
    network: FixtureNetwork | None = None
    cost: BootCost | None = None
    agent: GuestAgent | None = None
    engine: str = ""
    scap: str = ""
    image_layers: tuple[str, ...] = ()

    def write(self, path: Path) -> None:
        """Write the session file, whole or not at all."""
        write_whole(path, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote."""
        data = json.loads(path.read_text())
        peers = data["peers"] and Peers(*(TlsPeer(**data["peers"][name]) for name in ("trusted", "untrusted")))
        network = data["network"] and FixtureNetwork.of(data["network"])
        lists = {name: tuple(data[name]) for name in ("layers", "profile", "ids", "suites", "image_layers")}
        return cls(
            **{
                **data,
                **lists,
                "mutes": tuple(Muted(**each) for each in data["mutes"]),
                "peers": peers,
                "network": network,
                "cost": data["cost"] and BootCost(**data["cost"]),
                "agent": data["agent"] and GuestAgent(**data["agent"]),
            }
        )

    @property
    def day(self) -> date:
        """`today` as a date."""
        return date.fromisoformat(self.today)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckMeta:
    """What a check says about itself; `needs` maps a resource to what it wants of it.

    A `cold` one judges a boot itself and is not run on forks; `source` is a hash of the code of such a check. `suites`
    are the sets of checks that it is in, the layer's own first.
    """

    id: str
    layer: str
    title: str
    required: bool = True
    runbook: str = ""
    ticket: str = ""
    expires: str = ""
    owner: str = ""
    muted_by: str = ""
    needs: Mapping[str, Any] = field(default_factory=dict)
    cold: bool = False
    source: str = ""
    suites: tuple[str, ...] = ()

    @classmethod
    def of_event(cls, event: Mapping[str, Any]) -> Self:
        """Out of what `asdict` made and JSON kept."""
        return cls(**{**event, "suites": tuple(event.get("suites", ()))})


def append(path: Path, event: Event, **fields: Any) -> None:
    """Add one event; a single write to a file opened for appending, so that several processes may share it."""
    line = json.dumps({"event": event, **fields}, ensure_ascii=True) + "\n"
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """The events in order; a last line cut off by a kill is left out."""
    if not path.exists():
        return
    with path.open("rb") as stream:
        text = stream.read(_MAX_EVENTS).decode("utf-8", "replace")
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)
