"""Answering a question from everything that was gathered: which intervals, which notes, what is wrong with sources."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from imagekit.audit.asked import stamp
from imagekit.audit.clocks import before_history, pieces
from imagekit.audit.facts import all_points, commit_id, node_names, odd_clocks, points_of, renames
from imagekit.audit.gitlog import changes_of
from imagekit.audit.judge import Sources, answers
from imagekit.audit.model import ABSENT, Answer, Evidence, Point, Question, Report, Seen, Standing, State
from imagekit.audit.records import Ledger, Rewritten
from imagekit.base.errors import ConfigError
from imagekit.base.git import Git
from imagekit.config.explain import suggestion
from imagekit.observe.model import Observation

_MOST_COMMITS = 200  # that are told with author and what they merged


@dataclass(slots=True)
class Gathered:
    """The sources of a question: the index, Git, the ledger, what nodes said, and who asks the registry.

    `installed` are neighbouring observations of the node in question between which it was installed anew.
    """

    base: sqlite3.Connection
    git: Git
    branch: str
    head: str
    ledger: Ledger
    now: int
    ask: Callable[[State], Standing]
    seen: Mapping[str, Sequence[Seen]] = field(default_factory=dict)
    installed: Sequence[tuple[Observation, Observation]] = ()
    observations: int = 0
    observed_head: str = ""
    rewritten: Rewritten = field(default_factory=Rewritten)
    problems: tuple[str, ...] = ()
    wanted: set[str] = field(default_factory=set)
    _standings: dict[str, Standing] = field(default_factory=dict)
    _commits: dict[int, str] = field(default_factory=dict)

    def standing(self, state: State) -> Standing:
        """What the registry says of a digest that is `wanted`, asked once."""
        if state.digest not in self.wanted:
            return Standing(evidence=Evidence.UNASKED, reason="it is outside of the question")
        if state.digest not in self._standings:
            found = self.ask(state)
            withdrawn = found.yanked or self.ledger.withdrawn(state.digest)
            self._standings[state.digest] = replace(found, yanked=withdrawn)
        return self._standings[state.digest]

    @property
    def standings(self) -> dict[str, Standing]:
        """What was asked of the registry."""
        return dict(self._standings)

    def _commit(self, number: int) -> str:
        if number not in self._commits:
            self._commits[number] = commit_id(self.base, number)
        return self._commits[number]

    def sources(self) -> Sources:
        """What intervals are held against."""
        return Sources(
            doubt=self.ledger.doubt,
            standing=self.standing,
            name=self._commit,
            version_of=self.ledger.version_of,
            rewritten=self.rewritten.why,
        )


def report_of(gathered: Gathered, question: Question) -> Report:
    """The answer to a question; raises `ConfigError` for a node or digest that nothing knows."""
    found = tuple(_chosen(gathered, question))
    notes = tuple(_notes(gathered, question, found))
    commits = dict.fromkeys(each.commit for each in found if each.commit)
    return Report(
        question=question,
        asked_at=gathered.now,
        branch=gathered.branch,
        head=gathered.head,
        answers=found,
        notes=notes,
        problems=gathered.problems,
        commits=tuple(changes_of(gathered.git, list(commits)[:_MOST_COMMITS])),
        standings=gathered.standings,
        records={number: gathered.ledger.words(number) for number in sorted({each.record for each in found} - {0})},
        observations=gathered.observations,
        observed_head=gathered.observed_head,
    )


def _chosen(gathered: Gathered, question: Question) -> Iterator[Answer]:
    """Whole intervals that touch what was asked, judged one node after another."""
    for node, points in _nodes(gathered, question):
        if question.digest and not _touches(gathered, node, points, question.digest):
            continue
        seen = gathered.seen.get(node, ())
        for each in _judged(gathered, question, node, points, seen):
            if (
                question.digest
                and question.digest not in (each.digest, each.retiring)
                and not _said(each, question.digest)
            ):
                continue
            yield each


def _judged(
    gathered: Gathered, question: Question, node: str, points: Sequence[Point], seen: Sequence[Seen]
) -> Iterator[Answer]:
    """Judged so far that intervals are whole; of the registry only what counts is asked."""
    inside = pieces(points, question.begin, question.end)
    gathered.wanted |= {state.digest for piece in inside for state in piece.states}
    yield from answers(
        node,
        points,
        seen,
        gathered.sources(),
        0,
        gathered.now + 1,
        now=gathered.now,
        asked=(question.begin, question.end),
    )


def _nodes(gathered: Gathered, question: Question) -> Iterator[tuple[str, list[Point]]]:
    if not question.node:
        known = set()
        for node, points in all_points(gathered.base):
            known.add(node)
            yield node, points
        for node in sorted(set(gathered.seen) - known):
            yield node, _unheard(gathered)
        return
    points = points_of(gathered.base, question.node)
    if not points and question.node not in gathered.seen:
        names = node_names(gathered.base)
        raise ConfigError(
            f"no fleet file of {gathered.branch} ever had a node {question.node!r}, and none was observed",
            hint=suggestion(question.node, names) or "`imagekit audit --fleet --at DATE` lists all nodes.",
        )
    yield question.node, points or _unheard(gathered)


def _unheard(gathered: Gathered) -> list[Point]:
    """The points of a node that is in no fleet file: absent since the first commit."""
    first = gathered.base.execute("SELECT seq, low, high FROM commits ORDER BY seq LIMIT 1").fetchone()
    return [before_history(), *([Point(first[0], first[1], first[2], ABSENT)] if first else [])]


def _touches(gathered: Gathered, node: str, points: Iterable[Point], digest: str) -> bool:
    ran = any(digest in (each.state.digest, each.state.retiring) for each in points)
    return ran or any(each.digest == digest for each in gathered.seen.get(node, ()))


def _said(answer: Answer, digest: str) -> bool:
    """Whether the node said in that interval that it ran a digest, whatever Git says."""
    return any(digest[:19] in each for each in (*answer.seen, *answer.candidates))


def _notes(gathered: Gathered, question: Question, found: Sequence[Answer]) -> Iterator[str]:
    for commit, low, high in odd_clocks(gathered.base):
        until = stamp(high) if high < gathered.now else "now"
        yield f"the clock of commit {commit[:12]} contradicts its neighbours': made between {stamp(low)} and {until}"
    if question.node:
        yield from _about_node(gathered, question.node)
    for digest, standing in gathered.standings.items():
        yield from (f"{digest[:19]}: {note}" for note in standing.notes)
        if standing.yanked:
            still = sorted({each.node for each in found if digest in (each.digest, each.retiring) and each.end is None})
            yield f"{digest[:19]} was withdrawn ({standing.yanked}); still to run it: {', '.join(still) or 'nobody'}"


def _about_node(gathered: Gathered, node: str) -> Iterator[str]:
    for seq, other, gone in renames(gathered.base, node):
        what = f"{node} went and {other} came" if gone else f"{other} went and {node} came"
        yield f"commit {commit_id(gathered.base, seq)[:12]}: {what} with the same address; renamed?"
    for before, after in gathered.installed:
        yield (
            f"{node} was installed anew between {stamp(before.at)} and {stamp(after.at)}: its machine id is another one"
        )
