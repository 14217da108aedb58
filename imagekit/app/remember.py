"""The project's history: where its file is, and what is written into it as things happen."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.app.runs import kept_runs
from imagekit.base.errors import ImagekitError
from imagekit.config.load import Project
from imagekit.report.result import RunResult

if TYPE_CHECKING:
    from imagekit.history.model import Night
    from imagekit.history.rebuild import Rebuilt
    from imagekit.history.store import History
    from imagekit.trust.gate.model import Decision

logger = logging.getLogger(__name__)


def history_path(project: Project) -> Path:
    """The file that imagekit.yaml names, else one in the work folder."""
    from imagekit.history.store import FILE_NAME

    return project.root / project.settings.history if project.settings.history else project.work / FILE_NAME


@contextmanager
def open_history(project: Project) -> Iterator[History]:
    """The history, made of the results that are kept here when there is no file yet; raises `HistoryError`."""
    from imagekit.history.store import History

    path = history_path(project)
    if not path.exists():
        rebuild_history(project)
    with History(path) as history:
        yield history


def rebuild_history(project: Project) -> Rebuilt:
    """Put the file aside, when there is one, and make it anew of the results that are kept here."""
    from imagekit.history.nightfile import kept_nights
    from imagekit.history.rebuild import rebuild

    return rebuild(history_path(project), reversed(kept_runs(project.work)), kept_nights(project.work))


def remember_run(project: Project, result: RunResult) -> None:
    """Keep a run. A history that cannot be written is said and ends no run: the result file is kept as always."""
    from imagekit.history.add import add_run

    try:
        with open_history(project) as history:
            add_run(history, result)
    except (ImagekitError, OSError) as error:
        logger.warning("WARNING: run %s is not in the history: %s", result.run_id, error)


def tell_expected(project: Project, name: str, stages: Sequence[str]) -> None:
    """Say how long a run will take about, by the times that its stages took; nothing while too little is known."""
    from imagekit.history.eta import expected_seconds, together
    from imagekit.history.store import History

    path = history_path(project)
    if not path.exists():
        return
    try:
        with History(path) as history:
            expected = expected_seconds(history, name, stages)
            minutes = together(history, name, expected) / 60
    except (ImagekitError, OSError):
        return  # what is wrong with the history is said when the run is written into it
    if len(expected) * 2 > len(stages):
        logger.info("%s took about %.0f min when all of it was done", name, max(1.0, minutes))


def remember_night(project: Project, night: Night) -> None:
    """Keep a night, as a file and in the history; as `remember_run`."""
    from imagekit.history.add import add_night
    from imagekit.history.nightfile import write_night

    write_night(project.work, night)
    try:
        with open_history(project) as history:
            add_night(history, night)
    except (ImagekitError, OSError) as error:
        logger.warning("WARNING: night %s is not in the history: %s", night.night_id, error)


def remember_gate(project: Project, image: str, decision: Decision) -> None:
    """Keep what a gate said of a digest; as `remember_run`."""
    from imagekit.history.add import add_gate
    from imagekit.history.model import GateAnswer

    first = decision.unsatisfied[0] if decision.unsatisfied else None
    answer = GateAnswer(
        at=decision.at,
        image=image,
        channel=decision.channel,
        digest=str(decision.digest or ""),
        passed=decision.passed,
        reason=f"{first.name}: {first.reason}" if first else "",
    )
    try:
        with open_history(project) as history:
            add_gate(history, answer)
    except (ImagekitError, OSError) as error:
        logger.warning("WARNING: an answer of the gate is not in the history: %s", error)
