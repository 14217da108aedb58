"""The one result file of a run; the terminal summary, JUnit and the page are views of it.

Everything is plain frozen data. `write_result` writes it whole or not at all, `read_result` reads it strictly.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from imagekit.base.earlier import check_id_today, renamed
from imagekit.base.errors import ConfigError
from imagekit.base.files import write_whole
from imagekit.base.strictjson import read_object
from imagekit.checks.outcome import SuiteResult
from imagekit.checks.scenario import ScenarioResult
from imagekit.inventory.live import LiveInventory
from imagekit.machine.interface import BootRecord
from imagekit.report.cleaned import cleaned

FORMAT = 1
FILE_NAME = "result.json"
_MAX_BYTES = 64 << 20


class ResultError(ConfigError):
    """A result file is missing, damaged or of another format."""


class StageStatus(StrEnum):
    """How a stage ended; `REUSED` is an earlier result under the same id, `MISSING` never began."""

    DONE = "done"
    REUSED = "reused"
    FAILED = "failed"
    MISSING = "missing"


class Verdict(StrEnum):
    """The answer of a run."""

    PASSED = "passed"
    FAILED = "failed"
    PARTIAL = "partial"  # all of some checks passed that a person selected; nothing is proven about the image
    BUILT = "built"  # it was built, and no test was asked for; nothing is proven about the image


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """One layer as it was built: its id in the plan, the digest and bytes of its blob, wall seconds."""

    name: str
    id: str
    digest: str
    size: int
    seconds: float
    cached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRow:
    """One stage of the run in order; `note` is a few words about what came of it."""

    name: str
    status: StageStatus
    seconds: float
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootUnit:
    """One unit in systemd's own words: seconds after the kernel began; `active` is when it was up (0: never).

    `cpu` is the processor time of its processes until it was asked, 0 also where systemd did not tell.
    """

    name: str
    started: float
    active: float
    failed: bool = False
    cpu: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it took to come up."""
        return max(0.0, self.active - self.started)


@dataclass(frozen=True, slots=True, kw_only=True)
class BootChart:
    """A boot by systemd's timestamps, in seconds after the kernel began; `initrd` is 0 without one run by systemd."""

    kernel: float
    initrd: float
    userspace: float
    finished: float
    units: tuple[BootUnit, ...]
    unit_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleLine:
    """One line of the serial console; `matched` names the pattern that found it, empty for a line of context."""

    number: int
    text: str
    matched: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleExcerpt:
    """The lines of the console that matter and the last ones; `total` counts all."""

    lines: tuple[ConsoleLine, ...]
    total: int

    @property
    def matches(self) -> tuple[ConsoleLine, ...]:
        """The lines that a pattern found."""
        return tuple(line for line in self.lines if line.matched)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitJournal:
    """The last lines that the journal has of a unit which a failed check named."""

    unit: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """One statement attached to the image's digest."""

    kind: str
    digest: str
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRow:
    """What was published: the reference with its tag, who signed, and what is attached."""

    reference: str
    digest: str
    key_fingerprint: str
    evidence: tuple[EvidenceRow, ...] = ()
    already_there: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a run failed: the stage, the error, what to do next, and the command that shows it again."""

    stage: str
    error: str
    hint: str = ""
    again: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Everything a run found out; parts that the run did not reach are None. `started` is ISO 8601 in UTC.

    `tested` is when the oldest of its tests began, which may lie before the run: what passed before is reused.

    `journals` tell of units that failed checks named, `notes` what of a node could not be kept, `declared` is
    file and line where a layer declares what the first fault is about.

    `trial` says what it was a part of, where the image was not that of the project as it stands: a night's other lock,
    or a stack of some of its layers. It is no run of the image.

    `live` is what was seen on each boot path of what a node has only when it runs.

    `boots` holds the boot on every boot path; `boot`, `chart` and `console` are those of the boot path to look at: the
    last one.
    """

    run_id: str
    image: str
    command: str
    started: str
    seconds: float
    verdict: Verdict
    plan_id: str = ""
    version: str = ""
    digest: str = ""
    embedded: bool = False
    layers: tuple[LayerRow, ...] = ()
    stages: tuple[StageRow, ...] = ()
    boot: BootRecord | None = None
    boots: tuple[BootRecord, ...] = ()
    chart: BootChart | None = None
    console: ConsoleExcerpt | None = None
    suites: SuiteResult | None = None
    scenarios: tuple[ScenarioResult, ...] = ()
    release: ReleaseRow | None = None
    failure: Failure | None = None
    changes: tuple[str, ...] = ()
    journals: tuple[UnitJournal, ...] = ()
    notes: tuple[str, ...] = ()
    declared: str = ""
    tested: str = ""
    trial: str = ""
    live: tuple[LiveInventory, ...] = ()
    format: int = FORMAT

    @property
    def selected(self) -> str:
        """What was left out because a person asked for some of the checks, in a sentence; empty when nothing was."""
        asked = self.suites.selection if self.suites else ""
        return f"only {asked} was run; the other checks were not, so nothing is proven about the image" if asked else ""

    @property
    def beside(self) -> str:
        """That this is no run of the image, in a sentence; empty for one that is."""
        return f"no run of the image as the project has it, but a trial: {self.trial}" if self.trial else ""

    @property
    def limits(self) -> tuple[ScenarioResult, ...]:
        """The scenarios whose promise the node's framework is known not to keep: they warn only, in every report."""
        return tuple(each for each in self.scenarios if each.limit)

    def __post_init__(self) -> None:
        tests = (self.suites is None or self.suites.passed) and not any(each.blocks for each in self.scenarios)
        if self.verdict is Verdict.PASSED and (self.failure or not tests or (self.suites and self.suites.selection)):
            raise ResultError(
                f"run {self.run_id} says passed and holds a failure",
                hint="This is a mistake of imagekit; please report it.",
            )


def write_result(result: RunResult, folder: Path) -> Path:
    """Write ``result.json`` into a folder, whole or not at all, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    return write_whole(path, json.dumps(asdict(cleaned(result)), indent=1, ensure_ascii=False) + "\n")


def read_result(path: Path) -> RunResult:
    """Read a result file (or the one in a folder); raises `ResultError` when it cannot be relied on."""
    from pydantic import TypeAdapter, ValidationError

    path = path / FILE_NAME if path.is_dir() else path
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ResultError(f"{path}: larger than any result file")
        data = read_object(path.read_bytes(), str(path), limit=_MAX_BYTES)
        if data.get("format") != FORMAT:
            raise ResultError(f"{path}: not a result file of format {FORMAT}", hint="Run the image again.")
        return TypeAdapter(RunResult).validate_python(_today(data))
    except FileNotFoundError:
        raise ResultError(f"{path}: no such result", hint="`imagekit run IMAGE` makes one.") from None
    except (ValueError, ValidationError) as error:
        raise ResultError(f"{path}: damaged: {str(error)[:300]}", hint="Run the image again.") from None


def _today(data: dict[str, Any]) -> dict[str, Any]:
    """A result in the words of today; before 2026-12 a boot path was called `road`, and the first one `fast`."""
    boots, suites = data.get("boots"), data.get("suites")
    data = {**data, "boot": renamed(data.get("boot"), "road", "boot_path")}
    if isinstance(boots, list):
        data["boots"] = [renamed(boot, "road", "boot_path") for boot in boots]
    if isinstance(suites, dict) and isinstance(checks := suites.get("checks"), list):
        data["suites"] = {**suites, "checks": [_check_today(check) for check in checks]}
    return data


def _check_today(check: object) -> object:
    known = isinstance(check, dict) and isinstance(check.get("id"), str)
    return {**check, "id": check_id_today(check["id"])} if known and isinstance(check, dict) else check
