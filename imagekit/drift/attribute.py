"""Whose fault it is: twin stacks, then the lock bisected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from imagekit.base.log import step
from imagekit.drift.bisect import Found, bisect, grouped
from imagekit.drift.interface import ApartError, InfrastructureError, World
from imagekit.drift.model import Attribution, Cause, Change, Lock, Part, Result, Trial, with_changes


class Counted:
    """Counts the builds that are asked of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.builds = 0

    def trial(
        self, lock: Lock, *, layers: int | None = None, lifecycle: bool = False, like: Trial | None = None
    ) -> Trial:
        """As the world's own; what stands in the way is an answer, too."""
        self.builds += 1
        try:
            return self.world.trial(lock, layers=layers, lifecycle=lifecycle, like=like)
        except InfrastructureError as error:
            self.builds -= isinstance(error, ApartError)
            return Trial(result=Result.UNKNOWN, reason=str(error))

    def same_fault(self, lock: Lock, bad: Trial, *, layers: int | None = None, lifecycle: bool = False) -> Trial:
        """Whether a lock shows what `bad` shows: bad twice, and in the same checks.

        Where other checks fail and these do not, it does not show it; all else decides nothing.
        """
        found = self.trial(lock, layers=layers, lifecycle=lifecycle, like=bad)
        if found.result is not Result.BAD:
            return found
        if _only_others(found, bad):
            # What is looked for passed. (A stack without its upper layers may lack what a check of a lower one wants.)
            return replace(found, result=Result.GOOD, failed=(), reason=f"breaks {_shown(found)}")
        if not found.build_failed:
            try:
                second = self.world.again(found)
            except InfrastructureError as error:
                return replace(found, result=Result.UNKNOWN, reason=str(error))
            if second.result is not Result.BAD:
                return replace(found, result=Result.UNKNOWN, reason=f"flaky: {_shown(found)}")
        return found if _alike(found, bad) else replace(found, result=Result.UNKNOWN, reason=f"breaks {_shown(found)}")


def first_bad_layer(counted: Counted, lock: Lock, bad: Trial) -> tuple[str, tuple[str, ...]]:
    """The lowest layer whose stack does not pass alone, and what was seen.

    The stacks are base alone, base and the next, and so on: what breaks in a stack is of its top layer, for the one
    below passed. Where one cannot be told, the layers' own suites decide; empty where they name none.
    """
    layers, seen, reported = list(counted.world.layers), [], True
    for count in range(1, len(layers)):
        with step(f"Stack {'+'.join(layers[:count])}") as shown:
            found = counted.same_fault(lock, bad, layers=count, lifecycle=of_scenarios(bad))
            shown.note = found.result.value
        seen.append(f"stack {'+'.join(layers[:count])}: {found.result.value}{_why(found)}")
        if found.result is Result.BAD and reported:
            return layers[count - 1], tuple(seen)
        reported = reported and found.result is Result.GOOD
        if found.result is Result.BAD:
            break
    blamed = [name for name in layers if name in bad.layers]
    seen.append(f"stack {'+'.join(layers)}: {bad.result.value}{_why(bad)}")
    return (layers[-1] if reported else blamed[0] if blamed else ""), tuple(seen)


def blame_changes(counted: Counted, pinned: Lock, changes: Sequence[Change], bad: Trial) -> Cause:
    """Why the fresh lock is bad where the pinned one is good: upstream, down to package and layer."""

    def ask(some: Sequence[Change]) -> Result:
        with step(f"Between: {len(some)} of {len(changes)} inputs moved") as shown:
            found = counted.same_fault(with_changes(pinned, some), bad, lifecycle=of_scenarios(bad))
            shown.note = found.result.value
        return found.result

    before = counted.builds
    found = bisect(grouped(changes), ask)
    named = tuple(change for group in found.culprits for change in group)
    came = _came_with(counted.world, pinned, found, named)
    culprits = (*named, *came)
    seen = [
        f"{len(changes)} inputs moved; {counted.builds - before} builds between the last good lock and this one",
        f"with all of them: {bad.reason or ', '.join(bad.failed[:3])}",
    ]
    if came:
        seen.append(f"only there because of it: {_names(came)}")
    if found.perhaps:
        others = _names([change for group in found.perhaps for change in group])
        seen.append(f"no answer without these, which may have a part in it: {others}")
    if not found.apart:
        seen.append("builds between could not be told apart: one of these, or several, are to blame")
    elif found.exact and len(found.culprits) > 1:
        seen.append("each alone is good; together they are bad")
    elif not found.exact and not found.perhaps:
        seen.append("these are needed for it, and perhaps more: the search ended there")
    layers = tuple(dict.fromkeys(change.key.layer for change in culprits))
    return Cause(
        part=Part.FRESH,
        attribution=Attribution.UPSTREAM,
        layer=", ".join(layers),
        title=f"{_names(culprits)} upstream breaks {_shown(bad)}",
        culprits=culprits,
        evidence=tuple(seen),
    )


def blame_pinned(counted: Counted, pinned: Lock, bad: Trial) -> Cause:
    """Why what is shipped does not hold: our own sources changed, or time went by with everything the same."""
    refused = "refused as the files stand, before anything is built: no stack of layers was"
    layer, seen = ("", (refused,)) if bad.early else first_bad_layer(counted, pinned, bad)
    changed, expired = counted.world.sources_changed(), counted.world.expired()
    why = [*(f"changed here since the last good night: {each}" for each in (changed or ())[:10]), *expired[:10]]
    if changed is None:
        why.append("no good night is known here, so that nobody knows what changed since")
    elif not changed and not expired:
        why.append("nothing of the lock or of our sources changed since the last good night: time, or an input gone")
    return Cause(
        part=Part.PINNED,
        attribution=Attribution.OURS,
        layer=layer,
        title=f"{bad.failed[0]} does not hold any more" if bad.failed else _shown(bad),
        about=bad.failed[0] if bad.failed else re.sub(r"[0-9a-f]*\d[0-9a-f]*", "#", bad.reason),
        evidence=(*why, *seen),
    )


def _came_with(world: World, pinned: Lock, found: Found, named: Sequence[Change]) -> tuple[Change, ...]:
    """What came new with the first bad lock and was not installed with the last good one, though it stood in it."""
    try:
        good, bad = (world.installed(with_changes(pinned, some)) for some in (found.good, found.bad))
    except InfrastructureError:
        return ()
    return tuple(
        each
        for each in found.bad
        if each.before is None and each not in named and each.key in bad and each.key not in good
    )


def _names(changes: Sequence[Change]) -> str:
    return ", ".join(dict.fromkeys(change.key.name for change in changes))


def of_scenarios(bad: Trial) -> bool:
    """Whether it takes the scenarios to see what was seen."""
    return any(name.startswith("scenario:") for name in bad.failed)


def _alike(one: Trial, other: Trial) -> bool:
    """Whether two bad trials may have one cause: a check that both failed, or neither came to its checks."""
    return bool({*one.failed} & {*other.failed}) if one.failed or other.failed else True


def _only_others(found: Trial, bad: Trial) -> bool:
    """Whether it came to its checks, and what is looked for (a check, or a boot that fails) was not among what failed.

    A check that was not run counts as failed. Scenarios are not come to where a check failed, so they tell nothing.
    """
    return bool(found.failed) and not _alike(found, bad) and not bad.build_failed and not of_scenarios(bad)


def _shown(bad: Trial) -> str:
    return bad.failed[0] if bad.failed else bad.reason or "the image"


def _why(trial: Trial) -> str:
    text = ", ".join(trial.failed[:2]) or trial.reason
    return f" ({text})" if text else ""
