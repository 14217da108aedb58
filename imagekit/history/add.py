"""Results, nights and answers of gates into the history; what is there already is written over, never twice."""

from __future__ import annotations

from collections.abc import Iterator

from imagekit.history.model import GateAnswer, Night, instant
from imagekit.history.store import History
from imagekit.machine.interface import Start
from imagekit.report.result import RunResult, StageStatus, Verdict

LIFECYCLE = "lifecycle"


def add_run(history: History, result: RunResult) -> None:
    """Keep a run; not one of checks that a person selected, which says nothing about the image, also when it failed.

    Nor one that only built. A trial is kept for what it says of its checks, and marked: it is no run of the image.

    Raises `HistoryError`; `ValueError` for a result whose time cannot be read.
    """
    if result.verdict in (Verdict.PARTIAL, Verdict.BUILT) or (result.suites is not None and result.suites.selection):
        return
    reused = {row.name for row in result.stages if row.status is StageStatus.REUSED}
    started = instant(result.started).isoformat()
    with history.writing() as db:
        for table in ("stages", "checks", "boots", "runs"):
            db.execute(f"DELETE FROM {table} WHERE run_id = ?", (result.run_id,))
        db.execute(
            "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(result.run_id, result.image, result.digest, result.version, started, result.verdict.value),
                *(result.seconds, sum(layer.size for layer in result.layers), int(result.release is not None)),
                int(bool(result.trial)),
            ),
        )
        stages = [(result.run_id, row.name, row.status.value, row.seconds) for row in result.stages]
        db.executemany("INSERT INTO stages VALUES (?, ?, ?, ?)", stages)
        db.executemany("INSERT INTO checks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _checks(result, reused))
        db.executemany("INSERT INTO boots VALUES (?, ?, ?, ?, ?)", _boots(result, reused))


def add_night(history: History, night: Night) -> None:
    """Keep a night, or how it went on."""
    ended = night.ended.isoformat() if night.ended else ""
    values = (night.night_id, night.image, night.started.isoformat(), ended, night.outcome.value, night.text)
    with history.writing() as db:
        db.execute("INSERT OR REPLACE INTO nights VALUES (?, ?, ?, ?, ?, ?, ?)", (*values, night.behind))


def add_gate(history: History, answer: GateAnswer) -> None:
    """Keep what a gate said."""
    values = (answer.at.isoformat(), answer.image, answer.channel, answer.digest, int(answer.passed), answer.reason)
    with history.writing() as db:
        db.execute("INSERT OR REPLACE INTO gates VALUES (?, ?, ?, ?, ?, ?)", values)


def _checks(result: RunResult, reused: set[str]) -> Iterator[tuple[object, ...]]:
    for check in result.suites.checks if result.suites else ():
        # A check's id begins with the boot path that it ran on, see `imagekit.app.outcome.combined`.
        fresh = f"checks {check.id.partition(':')[0]}" not in reused
        yield (
            *(result.run_id, check.id, check.layer, check.outcome.value, int(check.required), int(fresh)),
            *(check.seconds, check.ticket, check.expires, check.owner),
        )
    for each in result.scenarios:
        fresh = LIFECYCLE not in reused
        yield (
            *(result.run_id, f"scenario:{each.name}", LIFECYCLE, each.outcome.value, int(not each.limit), int(fresh)),
            *(each.seconds, "", "", ""),
        )


def _boots(result: RunResult, reused: set[str]) -> Iterator[tuple[object, ...]]:
    for boot in result.boots:
        # What a fork cost is no boot's cost.
        fresh = f"boot {boot.boot_path}" not in reused and boot.start is Start.COLD
        yield result.run_id, str(boot.boot_path), int(fresh), boot.seconds_to_ssh, boot.cpu_seconds
