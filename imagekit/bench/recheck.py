"""One changed line in a check, until its verdict on the machine that runs (`imagekit test --watch`)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from imagekit.base import process
from imagekit.base.errors import ToolError
from imagekit.bench.clone import clone_at_engine, run_in
from imagekit.bench.model import Bound, Goal, Row, median
from imagekit.bench.subject import BenchSubject, program
from imagekit.config.engine import HARNESS

_GOAL = Goal(limit=5.0, bound=Bound.VALUE)
_ROUNDS = 5
_WATCHING = "Watching "
_NO_MACHINE, _WHY = "Watching: once more", "because "  # as imagekit.cli.watching and the failure card say it
_VERDICT = re.compile(r"(\d+ (?:passed|failed)\b.*) \(.*\) in [0-9.]+ s")  # as imagekit.app.watching says it
_TIMEOUT = 60.0


@dataclass
class Editor:
    """A person who changes a line of `file` whenever the machine waits, so many times; `end` is called then."""

    file: Path
    end: list[str | Path]
    rounds: int = _ROUNDS
    seconds: list[float] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)
    since: float = 0.0
    why: str = ""

    def heard(self, line: str) -> None:
        """A line of the command's; raises `ToolError` where no machine came up, for which it would wait for hours."""
        if line.startswith(_WHY):
            self.why = line.removeprefix(_WHY).strip()
        if line.startswith(_NO_MACHINE):
            raise ToolError(f"no machine came up to run the checks on: {self.why or 'the command said no reason'}")
        verdict = _VERDICT.search(line)
        if verdict and self.since:
            self.seconds.append(process.now() - self.since)
            self.verdicts.append(verdict[1])
        elif _WATCHING not in line or self.since:
            return
        if len(self.seconds) < self.rounds:
            self.file.write_text(f"{self.file.read_text()}# changed\n")
            self.since = process.now()
        else:
            process.run(self.end, timeout=_TIMEOUT)


def measure(bench: BenchSubject) -> list[Row]:
    """Wall seconds from the saved file to the verdict on the direct boot path, in a clone; median of five."""
    with clone_at_engine(bench.project, bench.scratch / "clone") as (clone, env):
        editor = Editor(check_file(bench, clone), [program(), "--project", clone, "machines", "stop"])
        run_in(clone, "test", bench.name, "--boot", "direct", "--watch", env=env, on_line=editor.heard)
    return [row_of(editor)]


def row_of(editor: Editor) -> Row:
    """Raises `ToolError` when the machine did not judge each change."""
    if len(editor.seconds) != editor.rounds:
        raise ToolError(f"{len(editor.seconds)} of {editor.rounds} changes of {editor.file.name} got a verdict")
    fastest, slowest = min(editor.seconds), max(editor.seconds)
    return Row(
        name="changed check to its verdict",
        measured=median(editor.seconds),
        unit="s",
        goal=_GOAL,
        note=f"{editor.file.name}: {editor.verdicts[-1]}; {fastest:.1f} to {slowest:.1f} s",
    )


def check_file(bench: BenchSubject, clone: Path) -> Path:
    """The first file of checks that the project has for the image; raises `ToolError` without one."""
    for layer in bench.project.image(bench.name).layers:
        for path in sorted((clone / HARNESS / "checks" / layer).glob("test_*.py")):
            return path
    raise ToolError(f"no layer of {bench.name} has checks in {HARNESS}/checks")
