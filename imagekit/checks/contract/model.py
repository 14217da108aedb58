"""The words of a conformance run: boot paths, phases, runs, checks and their results."""

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


class Phase(StrEnum):
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


MEANING: Mapping[Phase, str] = {
    Phase.IMAGE: "the image in the registry",
    Phase.LIVE: "the live system",
    Phase.INSTALL: "the live system after `manual-install`",
    Phase.FIRST: "the first boot of the installed node",
    Phase.PASSIVE: "after `bootentry --select fallback` and a reboot",
    Phase.AGAIN: "after another, plain reboot",
    Phase.UPGRADE: "after `upgrade`, before the reboot",
    Phase.UPGRADED: "after `upgrade` and a reboot",
    Phase.RECOVERY: "after saved_entry=recovery and a reboot",
    Phase.RESET: "after `reset` in recovery and a reboot",
}
_NODE = (
    Phase.FIRST,
    Phase.PASSIVE,
    Phase.AGAIN,
    Phase.UPGRADE,
    Phase.UPGRADED,
    Phase.RECOVERY,
    Phase.RESET,
)
PHASES: Mapping[ContractPath, tuple[Phase, ...]] = {
    ContractPath.IMAGE: (Phase.IMAGE,),
    ContractPath.LIVE: (Phase.LIVE,),
    ContractPath.INSTALLED: (Phase.INSTALL, *_NODE),
    ContractPath.DISK: _NODE,
}


@dataclass(frozen=True, slots=True)
class ContractRun:
    """One boot path under one firmware, up to and including the phase `until`."""

    boot_path: ContractPath
    firmware: Firmware = Firmware.BIOS
    until: Phase | None = None

    @property
    def name(self) -> str:
        """`image`, `live-bios`, `disk-uefi` and so on."""
        return "image" if self.boot_path is ContractPath.IMAGE else f"{self.boot_path}-{self.firmware}"

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases it comes to, in their order."""
        every = PHASES[self.boot_path]
        return every if self.until is None else every[: every.index(self.until) + 1]


@dataclass(slots=True)
class RunFacts:
    """What was found on a run; `broken` says for a phase that never came why it did not."""

    phases: dict[Phase, ImageFacts | NodeFacts] = field(default_factory=dict)
    broken: dict[Phase, str] = field(default_factory=dict)

    def at(self, phase: Phase) -> ImageFacts | NodeFacts:
        """The facts of a phase; raises `NoFactError` with the reason when it never came."""
        try:
            return self.phases[phase]
        except KeyError:
            why = self.broken.get(phase, "it was not asked for")
            raise NoFactError(f"no facts of {MEANING[phase]}: {why}") from None

    def to_json(self) -> dict[str, Any]:
        """As it stands in the facts file."""
        phases = {
            phase: facts.to_json() if isinstance(facts, ImageFacts) else dict(facts.sections)
            for phase, facts in self.phases.items()
        }
        return {"phases": phases, "broken": dict(self.broken)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        phases: dict[Phase, ImageFacts | NodeFacts] = {
            Phase(name): ImageFacts.from_json(found) if name == Phase.IMAGE else NodeFacts(found)
            for name, found in data["phases"].items()
        }
        return cls(phases, {Phase(name): why for name, why in data["broken"].items()})


def write_facts(found: Mapping[str, RunFacts], path: Path) -> None:
    """Keep facts by the name of their run, whole or not at all."""
    write_whole(path, json.dumps({name: facts.to_json() for name, facts in found.items()}, indent=1))


def read_facts(path: Path) -> dict[str, RunFacts]:
    """Read what `write_facts` wrote."""
    return {name: RunFacts.from_json(data) for name, data in json.loads(path.read_text()).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise of the contract: a sentence, its section, and `basis`: seen on a real node, or read in its code."""

    id: str
    title: str
    section: str
    basis: str
    boot_paths: tuple[ContractPath, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckVerdict:
    """How a check ended on one run."""

    outcome: Outcome
    message: str = ""
    details: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformance:
    """Every check that was expected, with its verdict on each run where it was asked."""

    subject: str
    contract_runs: tuple[str, ...]
    checks: tuple[Check, ...]
    verdicts: Mapping[str, Mapping[str, CheckVerdict]]

    @property
    def passed(self) -> bool:
        """True when there are checks, each was asked on at least one run, and every verdict is passed."""
        return bool(self.checks) and all(
            self.verdicts.get(check.id) and not self.failed(check) for check in self.checks
        )

    def failed(self, check: Check) -> dict[str, CheckVerdict]:
        """The verdicts of a check that are anything but passed, by run."""
        found = self.verdicts.get(check.id, {})
        return {contract_run: one for contract_run, one in found.items() if one.outcome is not Outcome.PASSED}

    def count(self, outcome: Outcome) -> int:
        """How many verdicts are this one."""
        return sum(one.outcome is outcome for by_run in self.verdicts.values() for one in by_run.values())


def needed(fixtures: Iterable[str]) -> tuple[Phase, ...]:
    """The phases among the names of a check's arguments."""
    return tuple(phase for phase in Phase if phase in set(fixtures))


def contract_runs_of(
    boot_paths: Iterable[str], firmwares: Iterable[str], *, short: bool = False
) -> tuple[ContractRun, ...]:
    """The runs of these boot paths (or `all`) under these firmwares; `short` ends with a node's first boot."""
    asked = set(boot_paths)
    until = {ContractPath.INSTALLED: Phase.FIRST, ContractPath.DISK: Phase.FIRST} if short else {}
    found = [
        ContractRun(
            boot_path, Firmware.BIOS if boot_path is ContractPath.IMAGE else Firmware(firmware), until.get(boot_path)
        )
        for firmware in firmwares
        for boot_path in ContractPath
        if asked & {boot_path.value, "all"}
    ]
    return tuple(dict.fromkeys(found))


def boot_paths_of(phases: Sequence[Phase]) -> tuple[ContractPath, ...]:
    """The boot paths on which all these phases come."""
    return tuple(boot_path for boot_path in ContractPath if phases and set(phases) <= set(PHASES[boot_path]))
