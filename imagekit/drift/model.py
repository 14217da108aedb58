"""Inputs, trials, causes and verdicts of a night, as frozen data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Key(NamedTuple):
    """What stays the same when an input moves: the layer that brings it, its name and architecture."""

    layer: str
    name: str
    arch: str = ""


class Input(NamedTuple):
    """One input of an image: version and checksum, and the `group` of what can only move together (one source)."""

    version: str
    checksum: str
    group: str = ""


Lock = Mapping[Key, Input]


class Change(NamedTuple):
    """An input that differs between two locks; None: it is not there."""

    key: Key
    before: Input | None
    after: Input | None

    @property
    def group(self) -> str:
        """What it moves with, in whichever layers that is: packages of one source need each other's version."""
        one = self.after or self.before
        return (one.group if one else "") or self.key.name

    @property
    def text(self) -> str:
        """A line for people."""
        was, now = (self.before.version if self.before else ""), (self.after.version if self.after else "")
        if not was or not now:
            return f"{self.key.name} {was or now} {'removed' if was else 'added'} ({self.key.layer})"
        same = f"{was}, another file of the same version" if was == now else f"{was} to {now}"
        return f"{self.key.name} {same} ({self.key.layer})"


class Result(StrEnum):
    """How a trial ended. `UNKNOWN`: something stood in its way that is no property of the image."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "could not tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One build with its tests: `failed` names what did not pass, `layers` the layers whose suites did not.

    `run_id` is the run that shows it, `reason` the first line of what went wrong, `boot_path` the one that it was seen
    on; empty where no machine's boot or checks showed it. `early`: files of the project were refused as they stand,
    before anything was built, which no stack of layers shows.
    """

    result: Result
    digest: str = ""
    run_id: str = ""
    failed: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    reason: str = ""
    boot_path: str = ""
    early: bool = False
    seconds: float = 0.0

    @property
    def build_failed(self) -> bool:
        """Whether there is no image at all: nothing was tested, and nothing can be tested again."""
        return self.result is Result.BAD and not self.digest


class Attribution(StrEnum):
    """Whose it is."""

    OURS = "ours"
    UPSTREAM = "upstream"
    INFRASTRUCTURE = "infrastructure"


class Part(StrEnum):
    """Which question of the night found it."""

    PINNED = "pinned"
    FRESH = "fresh"
    FLEET = "fleet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One root cause: its layer, the changes that are to blame (none: nothing that moved), and what shows it.

    `about` is what stays the same of it over nights, where no change names it: its title may hold times and numbers.
    """

    part: Part
    attribution: Attribution
    layer: str
    title: str
    culprits: tuple[Change, ...] = ()
    evidence: tuple[str, ...] = ()
    about: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The culprits' names, each once."""
        return tuple(dict.fromkeys(each.key.name for each in self.culprits))


class DriftVerdict(StrEnum):
    """The answer of the night."""

    HOLDS = "holds"  # what is shipped holds, and nothing moved, or what moved works
    DRIFT = "drift"  # what is shipped holds; what upstream has now does not work
    BROKEN = "broken"  # what is shipped does not hold
    UNKNOWN = "could not tell"

    @property
    def exit_code(self) -> int:
        """What the process ends with."""
        return {DriftVerdict.HOLDS: 0, DriftVerdict.BROKEN: 1, DriftVerdict.UNKNOWN: 4, DriftVerdict.DRIFT: 5}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A digest that a channel or a fleet file names, and which of them do."""

    digest: str
    reference: str
    named_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What came of pulling, verifying and booting a released digest, and of rolling back to it."""

    released: Released
    trial: Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that a night found out about an image."""

    night: str
    image: str
    started: datetime
    seconds: float
    verdict: DriftVerdict
    pinned: Trial | None = None
    fresh: Trial | None = None
    fleet: tuple[Rehearsal, ...] = ()
    changes: tuple[Change, ...] = ()
    causes: tuple[Cause, ...] = ()
    builds: int = 0
    evidence: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    branch: str = ""
    parts: tuple[Part, ...] = tuple(Part)
    shared: tuple[str, ...] = ()
    differs: str = ""

    @property
    def all_good(self) -> bool:
        """Whether every question was asked, and the answer is that it holds."""
        return self.verdict is DriftVerdict.HOLDS and {*self.parts} == {*Part}

    @property
    def update_ready(self) -> bool:
        """Whether what moved was built and passed everything."""
        return bool(self.changes) and self.fresh is not None and self.fresh.result is Result.GOOD


def changes_between(old: Lock, new: Lock, layers: Iterable[str]) -> tuple[Change, ...]:
    """Everything that differs, the lowest layer first, so that bisecting rebuilds as little as it can."""
    order = {name: number for number, name in enumerate(layers)}
    found = [
        Change(key, old.get(key), new.get(key)) for key in {**old, **new} if _same(old.get(key)) != _same(new.get(key))
    ]
    return tuple(sorted(found, key=lambda each: (order.get(each.key.layer, -1), each.group, each.key)))


def with_changes(base: Lock, changes: Iterable[Change]) -> dict[Key, Input]:
    """A lock with some of the changes made."""
    lock = dict(base)
    for change in changes:
        if change.after is None:
            lock.pop(change.key, None)
        else:
            lock[change.key] = change.after
    return lock


def _same(one: Input | None) -> tuple[str, str] | None:
    """The group of an input is no part of it."""
    return (one.version, one.checksum) if one is not None else None
