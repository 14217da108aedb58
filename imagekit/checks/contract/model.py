"""The words of a conformance run: boot paths, moments, trips, checks and their results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from imagekit.base.files import write_whole
from imagekit.checks.contract.facts import ImageFacts, NodeFacts, NoFactError
from imagekit.checks.outcome import Outcome
from imagekit.config.model import Firmware


class ContractPath(StrEnum):
    """What is looked at: the image, its live system, a node that the agent installed, a node from a built disk."""

    IMAGE = "image"
    LIVE = "live"
    INSTALLED = "installed"
    DISK = "disk"


class Moment(StrEnum):
    """When facts are taken; the names are those of the fixtures that checks ask for."""

    IMAGE = "image"
    LIVE = "live"
    INSTALL = "install"
    FIRST = "first"
    PASSIVE = "passive"
    AGAIN = "again"
    UPGRADE = "upgrade"
    UPGRADED = "upgraded"
    RECOVERY = "recovery"
    RESET = "reset"


MEANING: Mapping[Moment, str] = {
    Moment.IMAGE: "the image in the registry",
    Moment.LIVE: "the live system",
    Moment.INSTALL: "the live system after `manual-install`",
    Moment.FIRST: "the first boot of the installed node",
    Moment.PASSIVE: "after `bootentry --select fallback` and a reboot",
    Moment.AGAIN: "after another, plain reboot",
    Moment.UPGRADE: "after `upgrade`, before the reboot",
    Moment.UPGRADED: "after `upgrade` and a reboot",
    Moment.RECOVERY: "after saved_entry=recovery and a reboot",
    Moment.RESET: "after `reset` in recovery and a reboot",
}
_NODE = (
    Moment.FIRST,
    Moment.PASSIVE,
    Moment.AGAIN,
    Moment.UPGRADE,
    Moment.UPGRADED,
    Moment.RECOVERY,
    Moment.RESET,
)
MOMENTS: Mapping[ContractPath, tuple[Moment, ...]] = {
    ContractPath.IMAGE: (Moment.IMAGE,),
    ContractPath.LIVE: (Moment.LIVE,),
    ContractPath.INSTALLED: (Moment.INSTALL, *_NODE),
    ContractPath.DISK: _NODE,
}


@dataclass(frozen=True, slots=True)
class Trip:
    """One boot path under one firmware, up to and including the moment `until`."""

    boot_path: ContractPath
    firmware: Firmware = Firmware.BIOS
    until: Moment | None = None

    @property
    def name(self) -> str:
        """`image`, `live-bios`, `disk-uefi` and so on."""
        return "image" if self.boot_path is ContractPath.IMAGE else f"{self.boot_path}-{self.firmware}"

    @property
    def moments(self) -> tuple[Moment, ...]:
        """The moments it comes to, in their order."""
        every = MOMENTS[self.boot_path]
        return every if self.until is None else every[: every.index(self.until) + 1]


@dataclass(slots=True)
class TripFacts:
    """What was found on a trip; `broken` says for a moment that never came why it did not."""

    moments: dict[Moment, ImageFacts | NodeFacts] = field(default_factory=dict)
    broken: dict[Moment, str] = field(default_factory=dict)

    def at(self, moment: Moment) -> ImageFacts | NodeFacts:
        """The facts of a moment; raises `NoFactError` with the reason when it never came."""
        try:
            return self.moments[moment]
        except KeyError:
            why = self.broken.get(moment, "it was not asked for")
            raise NoFactError(f"no facts of {MEANING[moment]}: {why}") from None

    def to_json(self) -> dict[str, Any]:
        """As it stands in the facts file."""
        moments = {
            moment: facts.to_json() if isinstance(facts, ImageFacts) else dict(facts.sections)
            for moment, facts in self.moments.items()
        }
        return {"moments": moments, "broken": dict(self.broken)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        moments: dict[Moment, ImageFacts | NodeFacts] = {
            Moment(name): ImageFacts.from_json(found) if name == Moment.IMAGE else NodeFacts(found)
            for name, found in data["moments"].items()
        }
        return cls(moments, {Moment(name): why for name, why in data["broken"].items()})


def write_facts(found: Mapping[str, TripFacts], path: Path) -> None:
    """Keep facts by the name of their trip, whole or not at all."""
    write_whole(path, json.dumps({name: facts.to_json() for name, facts in found.items()}, indent=1))


def read_facts(path: Path) -> dict[str, TripFacts]:
    """Read what `write_facts` wrote."""
    return {name: TripFacts.from_json(data) for name, data in json.loads(path.read_text()).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise of the contract: a sentence, its section, and `basis`: seen on a real node, or read in its code."""

    id: str
    title: str
    section: str
    basis: str
    boot_paths: tuple[ContractPath, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a check ended on one trip."""

    outcome: Outcome
    message: str = ""
    details: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformance:
    """Every check that was expected, with its verdict on each trip where it was asked."""

    subject: str
    trips: tuple[str, ...]
    checks: tuple[Check, ...]
    verdicts: Mapping[str, Mapping[str, Verdict]]

    @property
    def passed(self) -> bool:
        """True when there are checks, each was asked on at least one trip, and every verdict is passed."""
        return bool(self.checks) and all(
            self.verdicts.get(check.id) and not self.failed(check) for check in self.checks
        )

    def failed(self, check: Check) -> dict[str, Verdict]:
        """The verdicts of a check that are anything but passed, by trip."""
        found = self.verdicts.get(check.id, {})
        return {trip: one for trip, one in found.items() if one.outcome is not Outcome.PASSED}

    def count(self, outcome: Outcome) -> int:
        """How many verdicts are this one."""
        return sum(one.outcome is outcome for by_trip in self.verdicts.values() for one in by_trip.values())


def needed(fixtures: Iterable[str]) -> tuple[Moment, ...]:
    """The moments among the names of a check's arguments."""
    return tuple(moment for moment in Moment if moment in set(fixtures))


def trips_of(boot_paths: Iterable[str], firmwares: Iterable[str], *, short: bool = False) -> tuple[Trip, ...]:
    """The trips of these boot paths (or `all`) under these firmwares; `short` ends with a node's first boot."""
    asked = set(boot_paths)
    until = {ContractPath.INSTALLED: Moment.FIRST, ContractPath.DISK: Moment.FIRST} if short else {}
    found = [
        Trip(boot_path, Firmware.BIOS if boot_path is ContractPath.IMAGE else Firmware(firmware), until.get(boot_path))
        for firmware in firmwares
        for boot_path in ContractPath
        if asked & {boot_path.value, "all"}
    ]
    return tuple(dict.fromkeys(found))


def boot_paths_of(moments: Sequence[Moment]) -> tuple[ContractPath, ...]:
    """The boot paths on which all these moments come."""
    return tuple(boot_path for boot_path in ContractPath if moments and set(moments) <= set(MOMENTS[boot_path]))
