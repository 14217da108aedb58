"""What a run is asked to do, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from imagekit.app.interface import Booted
from imagekit.base.errors import ConfigError
from imagekit.checks.named import NamedSuite
from imagekit.checks.outcome import SuiteResult
from imagekit.checks.selection import ALL, Selection
from imagekit.machine.interface import DISKLESS, BootPath
from imagekit.report.result import RunResult
from imagekit.scenarios.options import ScenarioOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to do: the boot paths to test on, whether to publish, whether to test `fresh` what passed before.

    `firmware` names the profile of the machine, such as ``uefi+tpm``; without it the image's own declaration holds.
    `suites` are those that want fixtures beside the machine; each has a machine of its own, after the boot paths.
    `cold` boots every machine, where a fork of a saved one would do; so does `fresh`.
    With `lifecycle` its scenarios follow the checks; with no boot paths they are all that is done. `keep` is called
    with what its checks found while the last machine, good or bad, still runs; a machine to keep is always a fresh one.
    A run that would take longer than `within` minutes, by its earlier runs, is refused before it begins.
    `trial` says what it is a part of, where this is not the image as the project stands.
    A `selection` of checks proves nothing about the image: it is neither kept nor published.
    """

    boot_paths: tuple[BootPath, ...] = DISKLESS
    publish: bool = True
    fresh: bool = False
    lifecycle: ScenarioOptions | None = None
    firmware: str = ""
    cold: bool = False
    keep: Callable[[Booted, SuiteResult], None] | None = None
    selection: Selection = ALL
    suites: tuple[NamedSuite, ...] = ()
    within: float | None = None
    trial: str = ""

    def __post_init__(self) -> None:
        if self.publish and self.selection.partial:
            raise ConfigError("what is published has passed all of its checks", hint="Select with `imagekit test`.")

    def command(self, name: str) -> str:
        """The command line that asks for the same again."""
        scenarios = self.lifecycle.command if self.lifecycle else ""
        boot_path = f" --boot {self.boot_paths[0]}" if len(self.boot_paths) == 1 else ""
        firmware = f" --firmware {self.firmware}" if self.firmware else ""
        suites = ",".join((*self.selection.suites, *(suite.name for suite in self.suites)))
        options = replace(self.selection, suites=tuple(suites.split(",")) if suites else ()).options
        selection = "".join(f" {each}" for each in options)
        return f"imagekit {'run' if self.publish else 'test'} {name}{boot_path}{firmware}{selection}{scenarios}"

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the stages that will be gone through."""
        machines = (*self.boot_paths, *(suite.name for suite in self.suites))
        tests = tuple(f"{part} {name}" for name in machines for part in ("boot", "checks"))
        lifecycle = ("lifecycle",) if self.lifecycle else ()
        return ("plan", "needs", "build", "proof", *tests, *lifecycle, *(("publish",) if self.publish else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The end of a run: its result, the page, and the error that ended it; `unchanged` when all was done before."""

    result: RunResult
    page: Path
    error: BaseException | None = None
    unchanged: bool = False
