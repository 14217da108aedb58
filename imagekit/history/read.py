"""Questions to the history; answers are rows in the order of time."""

from __future__ import annotations

from datetime import datetime

from imagekit.checks.outcome import Outcome
from imagekit.history.model import BootCost, CheckRun, GateAnswer, Night, NightOutcome, Run, instant
from imagekit.history.store import History
from imagekit.report.result import Verdict

_OF_IMAGE = "(? = '' OR image = ?)"


def runs(history: History, image: str = "") -> tuple[Run, ...]:
    """The runs of an image, or all."""
    found = history.rows(f"SELECT * FROM runs WHERE {_OF_IMAGE} ORDER BY started, run_id", (image, image))
    return tuple(
        Run(
            run_id=row[0],
            image=row[1],
            digest=row[2],
            version=row[3],
            started=instant(row[4]),
            verdict=Verdict(row[5]),
            seconds=row[6],
            size=row[7],
            published=bool(row[8]),
            trial=bool(row[9]),
        )
        for row in found
    )


def check_runs(history: History, image: str = "", *, since: datetime | None = None) -> tuple[CheckRun, ...]:
    """Every check of every run of an image, or of all, that began at `since` or later."""
    found = history.rows(
        "SELECT run_id, started, image, digest, name, layer, outcome, required, fresh, trial, ticket, expires, owner "
        f"FROM checks JOIN runs USING (run_id) WHERE {_OF_IMAGE} AND started >= ? ORDER BY started, run_id, name",
        (image, image, since.isoformat() if since else ""),
    )
    return tuple(
        CheckRun(
            run_id=row[0],
            started=instant(row[1]),
            image=row[2],
            digest=row[3],
            name=row[4],
            layer=row[5],
            outcome=Outcome(row[6]),
            required=bool(row[7]),
            fresh=bool(row[8]),
            trial=bool(row[9]),
            ticket=row[10],
            expires=row[11],
            owner=row[12],
        )
        for row in found
    )


def boots(history: History, image: str = "") -> tuple[BootCost, ...]:
    """What the boots of an image, or of all, cost; an earlier boot that a run told again is not among them.

    Nor are those of trials.
    """
    found = history.rows(
        "SELECT image, started, path, boots.seconds, cpu FROM boots JOIN runs USING (run_id) "
        f"WHERE fresh AND NOT trial AND {_OF_IMAGE} ORDER BY started, run_id, path",
        (image, image),
    )
    return tuple(
        BootCost(image=row[0], started=instant(row[1]), path=row[2], seconds=row[3], cpu=row[4]) for row in found
    )


def stage_seconds(history: History, image: str, name: str, *, newest: int = 9) -> tuple[float, ...]:
    """How long the last times took that a stage was really gone through, newest first."""
    found = history.rows(
        "SELECT stages.seconds FROM stages JOIN runs USING (run_id) "
        "WHERE image = ? AND NOT trial AND name = ? AND status = 'done' ORDER BY started DESC LIMIT ?",
        (image, name, newest),
    )
    return tuple(row[0] for row in found)


def overlaps(history: History, image: str, *, newest: int = 9) -> tuple[float, ...]:
    """What part of the seconds of its stages each of the last runs took: less than 1 where some went on side by side.

    Only runs count that booted something, newest first.
    """
    found = history.rows(
        "SELECT runs.seconds, SUM(stages.seconds) AS parts FROM runs JOIN stages USING (run_id) WHERE image = ? "
        "AND NOT trial AND status = 'done' GROUP BY run_id HAVING parts > 0 AND SUM(name LIKE 'boot %') > 0 "
        "ORDER BY started DESC LIMIT ?",
        (image, newest),
    )
    return tuple(min(1.0, row[0] / row[1]) for row in found)


def nights(history: History, image: str = "") -> tuple[Night, ...]:
    """The nights of an image, or all."""
    found = history.rows(f"SELECT * FROM nights WHERE {_OF_IMAGE} ORDER BY started, night_id", (image, image))
    return tuple(
        Night(
            night_id=row[0],
            image=row[1],
            started=instant(row[2]),
            ended=instant(row[3]) if row[3] else None,
            outcome=NightOutcome(row[4]),
            text=row[5],
            behind=row[6],
        )
        for row in found
    )


def gates(history: History, image: str = "") -> tuple[GateAnswer, ...]:
    """What gates said of an image, or of all."""
    found = history.rows(f"SELECT * FROM gates WHERE {_OF_IMAGE} ORDER BY at, channel", (image, image))
    return tuple(
        GateAnswer(at=instant(row[0]), image=row[1], channel=row[2], digest=row[3], passed=bool(row[4]), reason=row[5])
        for row in found
    )
