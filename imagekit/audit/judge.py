"""The verdict over one interval, from what Git says, what vouches for it, and what was seen (pure).

Nothing is guessed: where the sources do not bear an answer out the verdict is *unknown* with the reason, and an
observation alone never makes one *proven*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from imagekit.audit.clocks import pieces
from imagekit.audit.model import (
    FOREVER,
    Answer,
    AuditVerdict,
    Doubt,
    Evidence,
    Kind,
    Piece,
    Point,
    Seen,
    Standing,
    State,
)

_SHORT = 19  # characters of a digest that people compare: sha256: and 12 figures
_MOST = 6  # reasons that are told
_WEAKNESS = (AuditVerdict.CONFIRMED, AuditVerdict.PROVEN, AuditVerdict.UNKNOWN, AuditVerdict.CONTRADICTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What an interval is held against.

    `doubt` says why the records do not bear out a state, None when they do; `standing` what the registry says of a
    state's digest; `name` the commit of a number; `rewritten` why what Git says of that commit cannot be relied on,
    empty when it can.
    """

    doubt: Callable[[State], Doubt | None]
    standing: Callable[[State], Standing]
    name: Callable[[int], str]
    version_of: Callable[[State], str] = lambda state: state.version
    rewritten: Callable[[int], str] = lambda _seq: ""


def answers(
    node: str,
    points: Sequence[Point],
    seen: Sequence[Seen],
    sources: Sources,
    begin: int,
    end: int,
    *,
    now: int,
    asked: tuple[int, int] | None = None,
) -> list[Answer]:
    """Every interval of a node in [begin, end), without a gap; the last one has no end where it lasts until `now`.

    With `asked` only those that touch it, whole: beyond it no more is judged than they reach.
    """
    parts = list(_witnessed(pieces(points, begin, end), seen))
    first, last = asked or (begin, end)
    touched = [at for at, (piece, _) in enumerate(parts) if piece.begin < last and piece.end > first]
    found: list[Answer] = []
    for at in touched:
        each = _answer(node, *parts[at], sources)
        if found and _same(found[-1], each):
            found[-1] = _longer(found[-1], each)
        else:
            found.append(each)
    if not found:
        return []
    for at in reversed(range(touched[0])):
        each = _answer(node, *parts[at], sources)
        if not _same(each, found[0]):
            break
        found[0] = replace(found[0], begin=each.begin, commit=each.commit)
    for at in range(touched[-1] + 1, len(parts)):
        each = _answer(node, *parts[at], sources)
        if not _same(found[-1], each):
            break
        found[-1] = _longer(found[-1], each)
    if end >= now and found[-1].end == end:
        found[-1] = replace(found[-1], end=None)
    return found


@dataclass(frozen=True, slots=True)
class _Witnesses:
    """What was seen during a stretch, and in the same piece of history before and after it."""

    during: tuple[Seen, ...] = ()
    before: tuple[Seen, ...] = ()
    after: tuple[Seen, ...] = ()


_NOBODY = _Witnesses()


def _witnessed(found: Sequence[Piece], seen: Sequence[Seen]) -> Iterable[tuple[Piece, _Witnesses]]:
    """Pieces with what was seen; most nodes of a fleet were never observed."""
    if not seen:
        return ((each, _NOBODY) for each in found)
    return (each for piece, reach in _reaches(found) for each in _split(piece, reach, seen))


def _reaches(found: Sequence[Piece]) -> Iterable[tuple[Piece, tuple[int, int]]]:
    """Each piece with the time over which its neighbours run the same digest, by whatever channel or pin."""
    for _, group in groupby(found, key=_what):
        alike = list(group)
        yield from ((each, (alike[0].begin, alike[-1].end)) for each in alike)


def _what(piece: Piece) -> frozenset[tuple[Kind, str]]:
    return frozenset((each.kind, each.digest) for each in piece.states)


def _split(piece: Piece, reach: tuple[int, int], seen: Sequence[Seen]) -> Iterable[tuple[Piece, _Witnesses]]:
    """A piece cut where observations begin and end; what was seen beside counts as far as `reach`."""
    inside = [each for each in seen if each.begin < reach[1] and each.end > reach[0]]
    if not inside:
        yield piece, _NOBODY
        return
    edges = {piece.begin} | {edge for each in inside for edge in (each.begin, each.end)}
    cuts = sorted(edge for edge in edges if piece.begin <= edge < piece.end)
    stops = [*cuts[1:], piece.end]
    before = _nearest(cuts, sorted(inside, key=lambda each: each.end), lambda each, cut: each.end <= cut)
    later = sorted(inside, key=lambda each: each.begin, reverse=True)
    after = _nearest(stops[::-1], later, lambda each, stop: each.begin >= stop)[::-1]
    starting, lasting = sorted(inside, key=lambda each: each.begin, reverse=True), list[Seen]()
    for at, (cut, stop) in enumerate(zip(cuts, stops, strict=True)):
        while starting and starting[-1].begin <= cut:
            lasting.append(starting.pop())
        lasting = [each for each in lasting if each.end >= stop]
        yield Piece(cut, stop, piece.states, piece.seq), _Witnesses(tuple(lasting), before[at], after[at])


def _nearest(
    edges: Sequence[int], ordered: Sequence[Seen], passed: Callable[[Seen, int], bool]
) -> list[tuple[Seen, ...]]:
    """For each edge the nearest observations that are passed there, one for each thing that was said; in one sweep."""
    nearest: dict[tuple[str, str], Seen] = {}
    found, at = [], 0
    for edge in edges:
        while at < len(ordered) and passed(ordered[at], edge):
            nearest[(ordered[at].digest, ordered[at].version)] = ordered[at]
            at += 1
        found.append(tuple(nearest.values()))
    return found


def _same(one: Answer, other: Answer) -> bool:
    """Whether two neighbours say the same, so that they are one interval."""
    if one.digest != other.digest or one.verdict is not other.verdict:
        return False
    return one.end == other.begin and replace(one, begin=0, end=0, commit="") == replace(
        other, begin=0, end=0, commit=""
    )


def _longer(one: Answer, other: Answer) -> Answer:
    return replace(one, end=other.end)


def _answer(node: str, piece: Piece, witnesses: _Witnesses, sources: Sources) -> Answer:
    seen = witnesses.during
    state = piece.states[-1]
    definite = len(_what(piece)) == 1
    verdict, reasons = _weakest(piece, witnesses, sources) if definite else _ambiguous(piece, seen, sources)
    runs = definite and state.kind is Kind.RUNS
    return Answer(
        node=node,
        begin=piece.begin,
        end=None if piece.end >= FOREVER else piece.end,
        verdict=verdict,
        reasons=tuple(dict.fromkeys(reasons))[:_MOST],
        kind=state.kind if definite else Kind.UNREADABLE,
        digest=state.digest if runs else "",
        version=sources.version_of(state) if runs else "",
        image=state.image if definite else "",
        channel=state.channel if definite else "",
        cluster=state.cluster if definite else "",
        retiring=state.retiring if runs else "",
        record=state.record if runs else 0,
        commit=sources.name(piece.seq),
        candidates=() if definite else tuple(dict.fromkeys(_words(each) for each in piece.states)),
        seen=tuple(dict.fromkeys(_said(each) for each in seen)),
    )


def _weakest(piece: Piece, seen: _Witnesses, sources: Sources) -> tuple[AuditVerdict, list[str]]:
    """Of states that run the same digest (by another channel, in another cluster) the one that is borne out least."""
    judged = [_definite(piece, state, seen, sources) for state in piece.states]
    verdict = max((each for each, _ in judged), key=_WEAKNESS.index)
    return verdict, [reason for each, reasons in reversed(judged) if each is verdict for reason in reasons]


def _ambiguous(piece: Piece, seen: tuple[Seen, ...], sources: Sources) -> tuple[AuditVerdict, list[str]]:
    words = " or ".join(dict.fromkeys(_words(each) for each in piece.states))
    reasons = [f"clocks of commits contradict one another here: {words}"]
    running = [each for each in piece.states if each.kind is Kind.RUNS]
    strange = [each for each in seen if all(_agrees(state, each, sources) is False for state in running)]
    if strange and len(running) == len(piece.states):
        return AuditVerdict.CONTRADICTED, [*reasons, *(f"{_said(each)}, which is none of them" for each in strange)]
    return AuditVerdict.UNKNOWN, reasons


def _definite(piece: Piece, state: State, witnesses: _Witnesses, sources: Sources) -> tuple[AuditVerdict, list[str]]:
    seen = witnesses.during
    rewritten = sources.rewritten(piece.seq)
    if rewritten and state.kind is not Kind.BEFORE:
        return AuditVerdict.UNKNOWN, [rewritten, *(_said(each) for each in seen)]
    match state.kind:
        case Kind.BEFORE:
            return AuditVerdict.UNKNOWN, ["before the first commit of the history"]
        case Kind.ABSENT if seen:
            return AuditVerdict.CONTRADICTED, ["the fleet files have no such node", *(_said(each) for each in seen)]
        case Kind.ABSENT:
            return AuditVerdict.UNKNOWN, ["the fleet files have no such node"]
        case Kind.NOTHING:
            return AuditVerdict.UNKNOWN, [f"channel {state.channel} points at nothing for {state.image}"]
        case Kind.UNREADABLE:
            return AuditVerdict.UNKNOWN, [f"the files of that commit cannot be read: {state.problem}"]
        case Kind.RUNS:
            return _running(state, witnesses, sources)


def _running(state: State, witnesses: _Witnesses, sources: Sources) -> tuple[AuditVerdict, list[str]]:
    seen = witnesses.during
    other = [each for each in seen if _agrees(state, each, sources) is False]
    if other:
        return AuditVerdict.CONTRADICTED, [f"{_said(each)}, Git says {_words(state)}" for each in other]
    doubt = sources.doubt(state)
    if doubt is not None:
        return doubt.verdict, [doubt.reason]
    standing = sources.standing(state)
    reported = [f"withdrawn: {standing.yanked}"] if standing.yanked else []
    if standing.evidence is not Evidence.GOOD:
        return AuditVerdict.UNKNOWN, [
            f"evidence of {_digest(state.digest)} {standing.evidence}: {standing.reason}",
            *reported,
        ]
    decided = f"record {state.record}" if state.record else "the fleet file itself, pinned"
    by = f"decided by {decided}; {standing.reason}"
    reported += [f"its earlier instance, {_digest(state.retiring)}, is not drained yet"] if state.retiring else []
    if any(_agrees(state, each, sources) for each in seen):
        return AuditVerdict.CONFIRMED, [by, *reported]
    strange = _strange(state, witnesses, sources)
    return (AuditVerdict.UNKNOWN, [*strange, by, *reported]) if strange else (AuditVerdict.PROVEN, [by, *reported])


def _strange(state: State, witnesses: _Witnesses, sources: Sources) -> list[str]:
    """Who saw something else last before, or first after: then nobody knows when the node changed, if it did."""
    before = [each for each in witnesses.before if _agrees(state, each, sources) is not None]
    after = [each for each in witnesses.after if _agrees(state, each, sources) is not None]
    last = max((each.end for each in before), default=0)
    first = min((each.begin for each in after), default=0)
    near = [(each, "last before it") for each in before if each.end == last]
    near += [(each, "first after it") for each in after if each.begin == first]
    return [f"{when} {_said(each)}" for each, when in near if _agrees(state, each, sources) is False]


def _agrees(state: State, seen: Seen, sources: Sources) -> bool | None:
    """By digest where the node knows it, else by version, of which every build has its own; None: nobody can tell."""
    if seen.digest and seen.digest == state.retiring:
        return None  # the earlier instance, which is there until it is drained
    if seen.digest:
        return seen.digest == state.digest
    version = sources.version_of(state)
    return seen.version == version if seen.version and version else None


def _words(state: State) -> str:
    match state.kind:
        case Kind.RUNS:
            return " ".join(filter(None, (_digest(state.digest), state.version, _in(state))))
        case Kind.ABSENT:
            return "not in the fleet"
        case Kind.NOTHING:
            return f"nothing in {state.channel}"
        case Kind.BEFORE:
            return "before the history"
        case Kind.UNREADABLE:
            return "files that cannot be read"


def _in(state: State) -> str:
    return f"in {state.cluster}" if state.cluster else ""


def _said(seen: Seen) -> str:
    what = " ".join(filter(None, (_digest(seen.digest), seen.version))) or "nothing of its image"
    return f"seen by {seen.source} saying {what}"


def _digest(text: str) -> str:
    return text[:_SHORT]
