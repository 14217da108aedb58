"""Whose fault it is: twin stacks, then the lock bisected."""

from __future__ import annotations

from collections.abc import Sequence

from imagekit.drift.bisect import bisect, grouped
from imagekit.drift.interface import InfrastructureError, World
from imagekit.drift.model import Attribution, Cause, Change, Lock, Part, Result, Trial, with_changes


class Counted:
    """Counts the builds that are asked of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.builds = 0

    def trial(self, lock: Lock, *, layers: int | None = None, lifecycle: bool = False) -> Trial:
        """As the world's own; what stands in the way is an answer, too."""
        self.builds += 1
        try:
            return self.world.trial(lock, layers=layers, lifecycle=lifecycle)
        except InfrastructureError as error:
            return Trial(result=Result.UNKNOWN, reason=str(error))


def first_bad_layer(counted: Counted, lock: Lock, bad: Trial) -> tuple[str, tuple[str, ...]]:
    """The lowest layer whose stack does not pass alone, and what was seen; the layers' own suites where all do.

    The stacks are base alone, base and the next, and so on: what breaks in a stack is of its top layer, for the one
    below passed. One that cannot be told is said and decides nothing.
    """
    layers, seen = list(counted.world.layers), []
    for count in range(1, len(layers)):
        found = counted.trial(lock, layers=count)
        seen.append(f"stack {'+'.join(layers[:count])}: {found.result.value}{_why(found)}")
        if found.result is Result.BAD:
            return layers[count - 1], tuple(seen)
    blamed = [name for name in layers if name in bad.layers]
    seen.append(f"stack {'+'.join(layers)}: {bad.result.value}{_why(bad)}")
    return (blamed[0] if blamed else layers[-1]), tuple(seen)


def blame_changes(counted: Counted, pinned: Lock, changes: Sequence[Change], bad: Trial) -> Cause:
    """Why the fresh lock is bad where the pinned one is good: upstream, down to package and layer."""

    scenarios = any(name.startswith("scenario:") for name in bad.failed)

    def ask(some: Sequence[Change]) -> Result:
        return counted.trial(with_changes(pinned, some), lifecycle=scenarios).result

    before = counted.builds
    found = bisect(grouped(changes), ask)
    culprits = tuple(change for group in found.culprits for change in group)
    seen = [
        f"{len(changes)} inputs moved; {counted.builds - before} builds between the last good lock and this one",
        f"with all of them: {bad.reason or ', '.join(bad.failed[:3])}",
    ]
    if not found.exact:
        seen.append("builds between could not be told apart: one of these, or several, are to blame")
    elif len(found.culprits) > 1:
        seen.append("each alone is good; together they are bad")
    layers = tuple(dict.fromkeys(change.key.layer for change in culprits))
    names = ", ".join(dict.fromkeys(change.key.name for change in culprits))
    return Cause(
        part=Part.FRESH,
        attribution=Attribution.UPSTREAM,
        layer=", ".join(layers),
        title=f"{names} upstream breaks {_shown(bad)}",
        culprits=culprits,
        evidence=tuple(seen),
    )


def blame_pinned(counted: Counted, pinned: Lock, bad: Trial) -> Cause:
    """Why what is shipped does not hold: our own sources changed, or time went by with everything the same."""
    layer, seen = first_bad_layer(counted, pinned, bad)
    changed, expired = counted.world.sources_changed(), counted.world.expired()
    why = [*(f"changed here since the last good night: {each}" for each in changed[:10]), *expired[:10]]
    if not changed and not expired:
        why.append("nothing of the lock or of our sources changed since the last good night: time, or an input gone")
    return Cause(
        part=Part.PINNED,
        attribution=Attribution.OURS,
        layer=layer,
        title=f"{_shown(bad)} does not hold any more",
        evidence=(*why, *seen),
    )


def _shown(bad: Trial) -> str:
    return bad.failed[0] if bad.failed else bad.reason or "the image"


def _why(trial: Trial) -> str:
    text = ", ".join(trial.failed[:2]) or trial.reason
    return f" ({text})" if text and trial.result is not Result.GOOD else ""
