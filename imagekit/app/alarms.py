"""What has starved in a project: history, ledger and policy put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from imagekit.app.remember import open_history
from imagekit.app.trusted import keys_of
from imagekit.base.errors import ConfigError
from imagekit.config.load import Project
from imagekit.history import read
from imagekit.history.add import LIFECYCLE
from imagekit.history.model import CheckRun, GateAnswer
from imagekit.history.starvation import LONGEST_WAIT, Alarm, Feed, Move, Observed, alarms
from imagekit.history.store import History
from imagekit.trust.gate.policy import PUBLISH, load_policy, span


@dataclass(frozen=True, slots=True)
class Watched:
    """The alarms, and what could not be looked at: nothing is quiet because it was not seen.

    Without `known` there was nothing to look at at all: no run, night, answer of a gate or promotion.
    """

    alarms: tuple[Alarm, ...]
    unseen: tuple[str, ...] = ()
    known: bool = True


def watch(project: Project, now: datetime, *, image: str = "") -> Watched:
    """Everything that has starved; raises `HistoryError`, and `LedgerError` for a ledger that does not verify.

    Nights are expected of every image of which one night or one run is known.
    """
    names = [image] if image else list(project.images)
    with open_history(project) as history:
        moves, unseen = _ledger_moves(project)
        moves = [*_published(history), *moves]
        checks = tuple(each for each in read.check_runs(history) if each.started <= now)
        known = {run.image for run in read.runs(history)} | {night.image for night in read.nights(history)}
        known &= {*names}
        seen = Observed(
            now=now,
            moves=[each for each in moves if each.image in names],
            feeds=_feeds(project),
            gates=[each for each in (*read.gates(history), *map(_green, moves)) if each.image in names],
            suites=_suites(project, [name for name in names if name in known], checks),
            nights=read.nights(history),
            images=[name for name in names if name in known],
        )
    return Watched(alarms(seen, LONGEST_WAIT), tuple(unseen), known=bool(known or seen.moves or seen.gates))


def _published(history: History) -> Iterator[Move]:
    """A digest is offered to the first channel from the first run on that published it."""
    seen = set()
    for run in read.runs(history):
        if run.published and run.digest not in seen:
            seen.add(run.digest)
            yield Move(at=run.started, channel=PUBLISH, image=run.image, digest=run.digest)


def _ledger_moves(project: Project) -> tuple[list[Move], list[str]]:
    from imagekit.app.decided import judge_of, ledger_of
    from imagekit.release.ledger.record import Action
    from imagekit.trust.sign.trust import TRUST_FILE

    if not (project.root / TRUST_FILE).exists() and not keys_of(project).public_path.exists():
        return [], ["channels: no key of this project yet, so nothing was ever promoted from here"]
    try:
        records = ledger_of(project).chain(judge_of(project)).records
    except ConfigError as error:
        return [], [f"channels: {error}"]
    points = (Action.PROMOTE, Action.ROLLBACK)
    return [
        Move(at=each.at, channel=each.channel, image=each.image, digest=str(each.digest))
        for each in records
        if each.action in points
    ], []


def _feeds(project: Project) -> list[Feed]:
    """Each channel is fed by the one in which digests have to stay before, else by the one before it."""
    found, before = [], PUBLISH
    for name, wanted in load_policy(project.root).channels.items():
        if wanted.soak is not None:
            found.append(Feed(channel=name, source=wanted.soak.channel, soak=span(wanted.soak.time)))
        else:
            found.append(Feed(channel=name, source=before))
        before = name
    return found


def _green(move: Move) -> GateAnswer:
    """What moved has passed the gate."""
    return GateAnswer(at=move.at, image=move.image, channel=move.channel, digest=move.digest, passed=True, reason="")


def _suites(project: Project, names: list[str], checks: tuple[CheckRun, ...]) -> Mapping[str, datetime | None]:
    """The last real run of each layer's suite, and of the scenarios, of each image; no kept result, no trial."""
    last: dict[str, datetime | None] = {}
    for name in names:
        for suite in (*project.image(name).layers, LIFECYCLE):
            last[f"{name}/{suite}"] = None
    for each in checks:
        key = f"{each.image}/{each.layer}"
        if each.fresh and not each.trial and key in last:
            last[key] = each.started
    return last
