"""Work on an image and its checks while a machine of it runs: what was changed is judged again at once.

A changed check is run on the machine that runs; what failed before comes first. A change of what the image or its
machine is made of ends the machine: whoever watches builds and boots anew. What is found here is about work in progress
and is never kept or published; a whole `imagekit test` or `imagekit run` is still owed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imagekit.base.errors import ImagekitError
from imagekit.base.log import note
from imagekit.checks.outcome import CheckResult, SuiteResult
from imagekit.checks.request import EmptySuiteError
from imagekit.checks.selection import Selection
from imagekit.config.engine import HARNESS

_CHECKS = Path(HARNESS) / "checks"
_INPUTS = ("images", "cloud-config", HARNESS)
_FILES = ("imagekit.yaml", "images.lock")
_NOT_WATCHED = ("__pycache__", ".git", ".imagekit")
_OWN_FILES = (".swp", ".swx", "~", ".tmp", ".pyc")  # of editors and of Python

Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What was changed: test files by layer, layers whose other check files were, and what images are made of."""

    files: tuple[tuple[str, str], ...] = ()
    layers: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()

    @property
    def selections(self) -> tuple[Selection, ...]:
        """What to run again for the checks among it."""
        whole = (Selection(suites=self.layers),) if self.layers else ()
        files = [(layer, name) for layer, name in self.files if layer not in self.layers]
        return (*whole, *(Selection(expression=name, suites=(layer,)) for layer, name in files))


def snapshot(root: Path) -> dict[str, Stamp]:
    """Every file of a project that decides what is built and how it is tested, with its time and size."""
    found: dict[str, Stamp] = {}
    for path in _watched(root):
        try:
            facts = path.stat()
        except OSError:  # gone meanwhile, or a link to nowhere
            continue
        found[os.fspath(path.relative_to(root))] = (facts.st_mtime_ns, facts.st_size)
    return found


def changed(before: Mapping[str, Stamp], after: Mapping[str, Stamp], layers: Sequence[str]) -> Changed:
    """What differs, as far as an image of these layers has to do with it."""
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    checks = [Path(name).relative_to(_CHECKS) for name in names if Path(name).is_relative_to(_CHECKS)]
    of_layers = [path for path in checks if len(path.parts) > 1 and path.parts[0] in layers]
    tests = [(path.parts[0], path.name) for path in of_layers if path.match("test_*.py")]
    helpers = {path.parts[0] for path in of_layers if not path.match("test_*.py")}
    shared = any(len(path.parts) == 1 for path in checks)  # a module for the checks of every layer
    return Changed(
        files=tuple(tests),
        layers=tuple(layers) if shared else tuple(sorted(helpers)),
        inputs=tuple(name for name in names if not Path(name).is_relative_to(_CHECKS)),
    )


@dataclass(slots=True)
class Watch:
    """One machine that is watched for: `check` runs a selection on it, `same` says whether its image is still this one.

    `same` raises an `ImagekitError` for files that make no image. `seen` is how the files were before the machine's run
    began, so that what was changed while it was built and booted counts.
    """

    root: Path
    layers: Sequence[str]
    boot_path: str
    check: Callable[[Selection], SuiteResult]
    same: Callable[[], bool]
    seen: Mapping[str, Stamp]
    failing: dict[str, CheckResult] = field(default_factory=dict)
    settling: Mapping[str, Stamp] = field(init=False)

    def __post_init__(self) -> None:
        self.settling = self.seen

    def look(self) -> bool:
        """Run again what was changed since the last look; whether the machine is out of date.

        What is being written is left until it stays the same from one look to the next.
        """
        now = snapshot(self.root)
        before, self.settling = self.settling, now
        if now in (self.seen, {}) or now != before:
            return False
        found, self.seen = changed(self.seen, now, self.layers), now
        if found.inputs and self._outdated(found.inputs):
            return True
        if found.selections and self.failing:
            self._failing_again()
        for selection in found.selections:
            self._run(selection)
        return False

    def _outdated(self, inputs: Sequence[str]) -> bool:
        note(f"changed: {', '.join(inputs[:3])}{' ...' if len(inputs) > 3 else ''}")
        try:
            if not self.same() or any(Path(name).is_relative_to(HARNESS) for name in inputs):
                return True
        except ImagekitError as error:
            note(f"not yet: {error}{f' ({error.hint})' if error.hint else ''}")
            return False
        note("the image is the same")
        return False

    def _failing_again(self) -> None:
        """What failed, first; a check that is gone since fails no more."""
        asked = Selection(ids=tuple(f"{self.boot_path}:{check}" for check in self.failing))
        before, self.failing = self.failing, {}
        if not self._run(asked):
            self.failing = before

    def _run(self, selection: Selection) -> bool:
        """Whether it could be run, however it ended."""
        try:
            result = self.check(selection)
        except ImagekitError as error:
            note(f"not run: {error}{f' ({error.hint})' if error.hint else ''}")
            return isinstance(error, EmptySuiteError)
        for check in result.checks:
            self.failing.pop(check.id, None)
            if check.blocks:
                self.failing[check.id] = check
        left = f"; {len(self.failing)} still to mend" if self.failing else ""
        note(f"{result.said} ({result.selection}) in {result.seconds:.1f} s{left}")
        return True


def failing_of(result: SuiteResult | None) -> dict[str, CheckResult]:
    """The checks of a result that block, by id."""
    return {check.id: check for check in result.blocking} if result is not None else {}


def _watched(root: Path) -> Iterator[Path]:
    yield from (root / name for name in _FILES)
    for name in _INPUTS:
        for folder, below, files in os.walk(root / name):
            below[:] = sorted(each for each in below if each not in _NOT_WATCHED)
            yield from (Path(folder) / each for each in files if not each.endswith(_OWN_FILES))
