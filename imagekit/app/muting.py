"""Checks that only warn for a time, by a person's signed word: files under ``mutes/``, committed and reviewed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from imagekit.app.people import Hand
from imagekit.app.trusted import require_holder, trust_if_any
from imagekit.base.files import write_whole
from imagekit.checks.known import known_checks, require_known
from imagekit.checks.named import suites_for
from imagekit.checks.session import Muted
from imagekit.checks.suites import known_suites
from imagekit.config.load import Project
from imagekit.trust.evidence.decisions import MUTE_TYPE, Mute, mute_statement, read_mute
from imagekit.trust.gate.collect import MUTES, read_files
from imagekit.trust.gate.mutes import counting, flaw_of
from imagekit.trust.sign.trustfile import Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class MuteRow:
    """A file under ``mutes/``: what it says, and why it does not count (empty when it does)."""

    path: Path
    mute: Mute | None
    flaw: str


def checks_of(project: Project, image: str | None = None) -> tuple[str, ...]:
    """The ids of the checks of an image's layers, or of all images'."""
    images = [project.image(image)] if image else project.images.values()
    names = [name for each in images for name in (*each.layers, *suites_for(project.harness, each.layers))]
    return known_checks(names, project.harness / "checks")


def suites_of_image(project: Project, image: str | None = None) -> tuple[str, ...]:
    """The suites of an image's layers, or of all images'."""
    images = [project.image(image)] if image else project.images.values()
    known = known_suites((layer for each in images for layer in each.layers), project.harness / "checks")
    return (*known, *dict.fromkeys(name for each in images for name in suites_for(project.harness, each.layers)))


def mute(hand: Hand, check: str, *, days: int, ticket: str, reason: str = "") -> Path:
    """Write a signed mute of a check; raises `UnknownCheckError`, and `SignatureError` when it would not count."""
    name = mutable(hand.project, check)
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    _, bundle = hand.sign(
        Purpose.WAIVE,
        lambda person: mute_statement(Mute(check=name, person=person, ticket=ticket, reason=reason, expires=expires)),
        [],
    )
    folder = hand.project.root / MUTES
    folder.mkdir(exist_ok=True)
    function = name.rpartition("::")[2].partition("[")[0]
    return write_whole(folder / f"{function}-{sha256(bundle).hexdigest()[:8]}.json", bundle.decode() + "\n")


def mutable(project: Project, check: str) -> str:
    """The id of a check that can be muted here; raises `UnknownCheckError`, and `ConfigError` where nobody may mute."""
    name = require_known(check, checks_of(project))
    require_holder(project, Purpose.WAIVE, "mute a check")
    return name


def mutes_in_force(project: Project) -> tuple[Muted, ...]:
    """What the checks of a run are told: every mute that counts now, the longest one of each check."""
    if not (project.root / MUTES).is_dir():
        return ()
    found = counting(read_files(project.root, trust_if_any(project), (MUTES,)), datetime.now(UTC))
    latest = {each.check: each for each, _ in sorted(found, key=lambda each: each[0].expires)}
    return tuple(
        Muted(check=each.check, by=each.person, ticket=each.ticket, until=f"{each.expires:%Y-%m-%d}")
        for each in latest.values()
    )


def mute_rows(project: Project) -> Iterator[MuteRow]:
    """Every file under ``mutes/``, whether it counts or not."""
    now, known = datetime.now(UTC), set(checks_of(project))
    for item in read_files(project.root, trust_if_any(project), (MUTES,)):
        statement = item.reading.statement
        said = read_mute(statement) if statement is not None and statement.predicate_type == MUTE_TYPE else None
        flaw = flaw_of(item, said, now) if said is not None else item.reading.reason or "it is no mute"
        if said is not None and not flaw and said.check.partition("[")[0] not in known:
            flaw = "there is no check of that name any more"
        yield MuteRow(path=Path(item.source), mute=said, flaw=flaw)
