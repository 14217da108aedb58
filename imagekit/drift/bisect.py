"""Which of the changes between a good and a bad lock are to blame (pure but for the builds it asks for).

One culprit among n changes is found in at most 1 + log2(n) builds: a binary search for the shortest bad beginning of
the list names the change that makes it bad, and one more build says whether that one is bad alone. When it is not, the
same search goes on among the changes before it, with those that are known to be needed always in: so changes that break
only together are all named. Changes stand in the order of layers, so that each build starts from the layer of the first
change that differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imagekit.drift.model import Change, Result

Group = tuple[Change, ...]
Ask = Callable[[Sequence[Change]], Result]
_MOST_NEEDED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The groups that are needed to make it bad; `exact` is off where unknown answers left several possible.

    `builds` counts the questions that were asked.
    """

    culprits: tuple[Group, ...]
    exact: bool
    builds: int


def grouped(changes: Sequence[Change]) -> tuple[Group, ...]:
    """Changes that move only together (packages of one source), as one, in the order of the list."""
    groups: dict[str, list[Change]] = {}
    for change in changes:
        groups.setdefault(change.group, []).append(change)
    return tuple(tuple(each) for each in groups.values())


def bisect(groups: Sequence[Group], ask: Ask) -> Found:
    """The groups that are to blame, given that none of them is good and all of them together are bad.

    `ask` builds and tests the last good lock with some changes made. An answer `UNKNOWN` (such packages cannot be
    installed together, a mirror that failed) names nobody: another place near it is asked, and where none answers, all
    that may be to blame is returned, marked as not exact.
    """
    search = _Search(tuple(groups), ask)
    return search.run()


class _Search:
    def __init__(self, groups: tuple[Group, ...], ask: Ask) -> None:
        self.groups = groups
        self.ask = ask
        self.builds = 0
        self.known: dict[frozenset[int], Result] = {
            frozenset(): Result.GOOD,
            frozenset(range(len(groups))): Result.BAD,
        }

    def run(self) -> Found:
        needed: list[int] = []
        end = len(self.groups)
        while len(needed) < _MOST_NEEDED and end > 0:
            low, high = self._edge(end, needed)
            if high - low > 1:  # nothing between them could be told
                return self._found([*needed, *range(low, high)], exact=False)
            needed.append(high - 1)
            if high == 1 or self._result(needed) is Result.BAD:
                return self._found(needed, exact=True)
            end = high - 1
        return self._found(needed, exact=False)

    def _edge(self, end: int, needed: list[int]) -> tuple[int, int]:
        """The last good and the first bad beginning of the list, with what is needed always in."""
        low, high, silent = 0, end, set[int]()
        while (middle := _between(low, high, silent)) is not None:
            match self._result([*range(middle), *needed]):
                case Result.GOOD:
                    low = middle
                case Result.BAD:
                    high = middle
                case _:
                    silent.add(middle)
        return low, high

    def _result(self, numbers: list[int]) -> Result:
        key = frozenset(numbers)
        if key not in self.known:
            self.builds += 1
            self.known[key] = self.ask([change for number in sorted(key) for change in self.groups[number]])
        return self.known[key]

    def _found(self, numbers: list[int], *, exact: bool) -> Found:
        culprits = tuple(self.groups[number] for number in sorted(set(numbers)))
        return Found(culprits=culprits, exact=exact, builds=self.builds)


def _between(low: int, high: int, silent: set[int]) -> int | None:
    """The place nearest to the middle that may tell something; None when there is none."""
    middle = (low + high) / 2
    places = [each for each in range(low + 1, high) if each not in silent]
    return min(places, key=lambda each: (abs(each - middle), each), default=None)
