"""The project's sources put together for an audit: its Git history, its ledger, its registries, what was observed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.app.decided import judge_of, ledger_of
from imagekit.audit.ask import Gathered
from imagekit.audit.asked import Stretch, between, stamp, stretch_of
from imagekit.audit.facts import number_of
from imagekit.audit.index import bring_up, forget_lost, lost_heads, open_index
from imagekit.audit.model import Evidence, Question, Seen, Standing, State
from imagekit.audit.records import Ledger, Rewritten, missing_anchors
from imagekit.audit.spans import reinstalled, spans
from imagekit.base.errors import ConfigError, ImagekitError, RefusedError
from imagekit.base.text import one_line
from imagekit.config.load import Project
from imagekit.observe.model import Observation
from imagekit.observe.store import Head, Observations
from imagekit.oci.reference import Digest, Reference

if TYPE_CHECKING:
    from imagekit.registry.client import Registry
    from imagekit.trust.gate.model import Decision

_FROM_THE_START = 0


def store_of(project: Project, path: Path | None = None) -> Observations:
    """Where observations are kept: a file that is named, or the clone's own."""
    return Observations(path if path is not None else project.work / "observations.sqlite")


@contextmanager
def gathered(
    project: Project,
    *,
    node: str = "",
    offline: bool = False,
    observations: Path | None = None,
    accept_history: bool = False,
) -> Iterator[Gathered]:
    """Everything that a question is answered from, with the index brought up to date.

    Of observations only those of `node` are read, where one is asked about.
    """
    store = ledger_of(project)
    now = int(time.time())
    with open_index(project.work / "audit" / "history.sqlite") as base:
        brought = bring_up(base, store.git, now=now)
        if accept_history:
            forget_lost(base)
        ledger = _ledger(project)
        said = _observed(store_of(project, observations), node)
        problems = said.problems
        rewritten, lost = _rewritten(project, base, ledger)
        if ledger.problem:
            problems = (*problems, f"the ledger does not verify: {ledger.problem}")
        yield Gathered(
            base=base,
            git=store.git,
            branch=brought.branch,
            head=brought.head,
            ledger=ledger,
            now=now,
            ask=_not_asked if offline else partial(_standing, project, ledger),
            seen=said.seen,
            installed=said.installed,
            observations=said.head.number,
            observed_head=said.head.hash,
            rewritten=rewritten,
            problems=(*problems, *lost),
        )


def question_of(
    *, node: str = "", digest: str = "", at: str = "", span: str = "", since: str = "", zone: str = "UTC", now: int = 0
) -> Question:
    """What was asked for in words, as an interval; raises `ConfigError` for dates that say nothing or lie ahead."""
    now = now or int(time.time())
    stretch = _stretch(at, span, since, zone, now)
    if stretch.begin > now:
        raise ConfigError(
            f"{at or span or since} lies in the future (it is {stamp(now)})", hint="An audit is about what was."
        )
    subject = f"node {node}" if node else (f"digest {digest}" if digest else "the fleet")
    return Question(
        text=f"What ran: {subject}",
        begin=stretch.begin,
        end=min(stretch.end, now + 1),
        node=node,
        digest=str(Digest(digest)) if digest else "",
        zone=zone,
        read_as=stretch.words,
    )


def _stretch(at: str, span: str, since: str, zone: str, now: int) -> Stretch:
    if at:
        return stretch_of(at, zone)
    if span:
        return between(span, zone)
    if since:
        begin = stretch_of(since, zone).begin
        return Stretch(begin, now + 1, f"from {stamp(begin)} to now")
    return Stretch(_FROM_THE_START, now + 1, "the whole history")


def _ledger(project: Project) -> Ledger:
    """The ledger in agreement with the channel files; what can be read of one that does not verify."""
    from imagekit.release.channel.committed import committed_channels
    from imagekit.release.channel.history import require_agreement

    store, judge = ledger_of(project), judge_of(project)
    try:
        chain = store.chain(judge)
        require_agreement(chain, committed_channels(store, chain))
        return Ledger(chain)
    except RefusedError as error:
        return Ledger(store.claims(judge), one_line(str(error), 400))


@dataclass(frozen=True, slots=True)
class _Said:
    """What nodes said, as stretches of time; nothing of a store that was altered, and why."""

    seen: dict[str, list[Seen]] = field(default_factory=dict)
    installed: list[tuple[Observation, Observation]] = field(default_factory=list)
    head: Head = field(default_factory=lambda: Head(0, ""))
    problems: tuple[str, ...] = ()


def _observed(store: Observations, node: str) -> _Said:
    from imagekit.app.observing import signed_head

    try:
        upto = signed_head(store)
        if not store.exists:
            gone = f"{store.path} is gone, and {upto.number if upto else 0} observations in it were signed for"
            return _Said(problems=(gone,) if upto is not None else ())
        head = store.verify(upto)
        if node:
            own = store.of(node)
            return _Said({node: spans(own)} if own else {}, reinstalled(own), head)
        every = groupby(store.every(), key=lambda each: each.node)
        return _Said({name: spans(list(group)) for name, group in every}, [], head)
    except RefusedError as error:
        return _Said(problems=(f"no observation counts: {error}",))


def _rewritten(project: Project, base: sqlite3.Connection, ledger: Ledger) -> tuple[Rewritten, tuple[str, ...]]:
    """What of the history is in doubt, by the records' commits and by what this clone knew before."""
    beside = (project.root / project.settings.ledger).resolve() == project.root.resolve()
    records = ledger.chain.vouched if beside else ()
    anchors = missing_anchors(ledger_of(project).git, records, partial(number_of, base))
    own = [
        (after, upto, f"this clone knew commit {lost[:12]} until {stamp(seen)}, and the history has it no more")
        for lost, seen, after, upto in lost_heads(base)
    ]
    reported = tuple(f"rewritten history: {why}" for _, _, why in (*anchors.ranges, *own))
    return Rewritten((*anchors.ranges, *own)), reported


def _not_asked(state: State) -> Standing:
    return Standing(evidence=Evidence.UNASKED, reason="the registry was left out (--offline)")


def _standing(project: Project, ledger: Ledger, state: State) -> Standing:
    """Signature and identity of a digest as the gate finds them now; a registry that cannot be asked says nothing."""
    from imagekit.app.context import verified_home
    from imagekit.app.release import registry_client
    from imagekit.app.trusted import gate_of
    from imagekit.trust.gate.policy import load_policy

    try:
        named = ledger.reference_of(state)
        home = Reference.parse(named) if named else verified_home(project, state.image)
        target = home.at(Digest(state.digest))
        channels = load_policy(project.root).channels
        channel = state.channel if state.channel in channels else next(iter(channels))
        with registry_client(project, target.registry) as client:
            decision = gate_of(project, client, target, channel)
            notes = tuple(_moved(client, target, ledger.version_of(state)))
        return replace(standing_of(decision, notes), reference=str(target))
    except ImagekitError as error:
        return Standing(evidence=Evidence.UNASKED, reason=one_line(str(error), 300))


def standing_of(decision: Decision, notes: tuple[str, ...] = ()) -> Standing:
    """What of a gate's answer says that the digest is what its builder signed, whatever else the gate wants today."""
    from imagekit.trust.finding import Requirement

    named = (Requirement.SIGNATURE, Requirement.IDENTITY, Requirement.EVIDENCE)
    asked = [item for item in decision.findings if item.requirement in named]
    yanks = [item for item in decision.findings if item.requirement is Requirement.YANK and not item.satisfied]
    bad = [f"{item.name}: {item.reason}" for item in asked if not item.satisfied]
    whole = {item.requirement: item for item in asked if not item.image}
    good = not bad and {Requirement.SIGNATURE, Requirement.IDENTITY} <= whole.keys()
    signed = f"signature {whole[Requirement.SIGNATURE].reason}" if good else ""
    return Standing(
        evidence=Evidence.GOOD if good else Evidence.BAD,
        reason=one_line(signed or "; ".join(bad) or "nothing is signed about it", 300),
        yanked=one_line(yanks[0].reason, 300) if yanks else "",
        notes=notes,
        sources=tuple(dict.fromkeys(source for item in asked for source in item.sources)),
    )


def _moved(client: Registry, target: Reference, version: str) -> Iterator[str]:
    """A version tag is given once: what it names now, when that is something else."""
    if not version:
        return
    found = client.resolve(Reference(target.registry, target.repository, version))
    if found is None:
        yield f"its version tag {version} is gone"
    elif found != target.digest:
        yield f"its version tag {version} names {found.short} now"
