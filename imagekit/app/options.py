"""What a run is asked to do, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from imagekit.machine.interface import DISKLESS, Road
from imagekit.report.result import RunResult
from imagekit.scenarios.options import ScenarioOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to do: the roads to test on, whether to publish, whether to test `fresh` what passed before.

    `firmware` names the profile of the machine, such as ``uefi+tpm``; without it the image's own declaration holds.
    With `lifecycle` its scenarios follow the checks; with no roads they are all that is done. `keep` is called with a
    login command while the last machine, good or bad, still runs; a machine to keep is always a fresh one.
    """

    roads: tuple[Road, ...] = DISKLESS
    publish: bool = True
    fresh: bool = False
    lifecycle: ScenarioOptions | None = None
    firmware: str = ""
    keep: Callable[[str], None] | None = None

    def command(self, name: str) -> str:
        """The command line that asks for the same again."""
        scenarios = self.lifecycle.command if self.lifecycle else ""
        road = f" --road {self.roads[0]}" if len(self.roads) == 1 else ""
        firmware = f" --firmware {self.firmware}" if self.firmware else ""
        return f"imagekit {'run' if self.publish else 'test'} {name}{road}{firmware}{scenarios}"

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the stages that will be gone through."""
        tests = tuple(f"{part} {road}" for road in self.roads for part in ("boot", "checks"))
        lifecycle = ("lifecycle",) if self.lifecycle else ()
        return ("plan", "needs", "build", "proof", *tests, *lifecycle, *(("publish",) if self.publish else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The end of a run: its result, the page, and the error that ended it; `unchanged` when all was done before."""

    result: RunResult
    page: Path
    error: BaseException | None = None
    unchanged: bool = False
