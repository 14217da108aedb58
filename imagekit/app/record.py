"""What happened in a run, stage by stage, whether it came to its end or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from imagekit.base.errors import ImagekitError
from imagekit.base.log import step
from imagekit.base.process import now
from imagekit.build.result import Build
from imagekit.report.result import Failure, LayerRow, StageRow, StageStatus


@dataclass(slots=True)
class Stage:
    """A stage while it runs; what it sets here goes into its row."""

    name: str
    note: str = ""
    reused: bool = False
    failed: bool = False  # its work was done, its answer is no


@dataclass(slots=True)
class StageRecorder:
    """Rows for the stages that ran, and `MISSING` rows for those that were not reached."""

    expected: tuple[str, ...]
    again: str
    began: float = field(default_factory=now)
    rows: list[StageRow] = field(default_factory=list)
    failure: Failure | None = None
    failures: dict[str, Failure] = field(default_factory=dict)  # by stage; several, when stages ran side by side

    @contextmanager
    def stage(self, name: str, title: str) -> Iterator[Stage]:
        """Run one stage; an error marks it as failed and goes on upwards."""
        current = Stage(name)
        started = now()
        try:
            with step(title) as shown:
                yield current
                shown.note, shown.failed = current.note, current.failed
        except BaseException as error:
            self.rows.append(self._row(current, StageStatus.FAILED, started))
            self.failure = self.failures[name] = self._failure(name, error)
            raise
        done = StageStatus.REUSED if current.reused else StageStatus.DONE
        status = StageStatus.FAILED if current.failed else done
        self.rows.append(self._row(current, status, started))

    def stages(self) -> tuple[StageRow, ...]:
        """All rows in order."""
        seen = {row.name for row in self.rows}
        missing = [
            StageRow(name=name, status=StageStatus.MISSING, seconds=0.0) for name in self.expected if name not in seen
        ]
        return (*self.rows, *missing)

    @property
    def seconds(self) -> float:
        """Wall seconds since the beginning."""
        return round(now() - self.began, 3)

    def in_order(self, *stages: str) -> None:
        """Rows of stages that ran side by side, and were written down as they ended, in the order of these names."""
        others = [row for row in self.rows if row.name not in stages]
        self.rows = others + sorted(
            (row for row in self.rows if row.name in stages), key=lambda x: stages.index(x.name)
        )

    def blame(self, *stages: str) -> None:
        """Of the stages that failed side by side, the first of these is the run's failure."""
        self.failure = next((self.failures[name] for name in stages if name in self.failures), self.failure)

    def interrupted(self) -> None:
        """That the stages failed for an interruption, whatever their own errors say."""
        for name, failure in self.failures.items():
            self.failure = self.failures[name] = replace(failure, error="interrupted", hint="")

    def fail(self, stage: str, error: str, hint: str = "") -> None:
        """Mark a finished stage as the one that failed (its work was done, its answer is no)."""
        self.failure = Failure(stage=stage, error=error, hint=hint, again=self.again)
        self.rows = [
            StageRow(name=row.name, status=StageStatus.FAILED, seconds=row.seconds, note=row.note)
            if row.name == stage
            else row
            for row in self.rows
        ]

    def _row(self, stage: Stage, status: StageStatus, started: float) -> StageRow:
        return StageRow(name=stage.name, status=status, seconds=round(now() - started, 3), note=stage.note)

    def _failure(self, stage: str, error: BaseException) -> Failure:
        if isinstance(error, ImagekitError):
            return Failure(stage=stage, error=str(error), hint=error.hint, again=self.again)
        if isinstance(error, KeyboardInterrupt):
            return Failure(stage=stage, error="interrupted", again=self.again)
        return Failure(stage=stage, error=f"{type(error).__name__}: {error}", again=self.again)


def layer_rows(image: Build | None) -> tuple[LayerRow, ...]:
    """How each layer of an image came about; nothing for an image that was not built."""
    if image is None:
        return ()
    return tuple(
        LayerRow(
            name=layer.name,
            id=layer.id,
            digest=layer.digest,
            size=layer.size,
            seconds=layer.seconds,
            cached=layer.reused,
        )
        for layer in image.layers
    )
