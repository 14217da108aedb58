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

    `apart` is off where those named stand for one or more of them; `perhaps` are those without which the culprits gave
    no answer, so that nobody knows whether these are needed too. `good` are the changes of the largest beginning of the
    list that was good, `bad` of the next one, that was not; `builds` counts the questions that were asked.
    """

    culprits: tuple[Group, ...]
    exact: bool
    builds: int
    apart: bool = True
    perhaps: tuple[Group, ...] = ()
    good: tuple[Change, ...] = ()
    bad: tuple[Change, ...] = ()


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
        self.apart = True
        self.edge: tuple[int, int] | None = None
        self.known: dict[frozenset[int], Result] = {
            frozenset(): Result.GOOD,
            frozenset(range(len(groups))): Result.BAD,
        }

    def run(self) -> Found:
        needed: list[int] = []
        perhaps: list[int] = []
        # reported: with what is chosen and nothing else it was seen to be good
        reported, end = True, len(self.groups)
        for _ in range(_MOST_NEEDED):
            low, high = self._edge(end, [*needed, *perhaps])
            self.edge = self.edge or (low, high)
            (needed if reported or low > 0 else perhaps).extend(range(low, high))
            self.apart = self.apart and high - low == 1  # else nothing between them could be told
            alone = Result.BAD if low == 0 else self._result([*needed, *perhaps])
            if alone is Result.BAD:
                return self._found(needed, perhaps, exact=self.apart and not perhaps)
            reported, end = alone is Result.GOOD, low
        return self._found(needed, perhaps, exact=False)

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

    def _found(self, needed: list[int], perhaps: list[int], *, exact: bool) -> Found:
        low, high = self.edge or (0, 0)
        return Found(
            culprits=self._chosen(needed),
            perhaps=self._chosen(perhaps),
            exact=exact,
            builds=self.builds,
            apart=self.apart,
            good=tuple(change for group in self.groups[:low] for change in group),
            bad=tuple(change for group in self.groups[:high] for change in group),
        )

    def _chosen(self, numbers: list[int]) -> tuple[Group, ...]:
        return tuple(self.groups[number] for number in sorted(set(numbers)))


def _between(low: int, high: int, silent: set[int]) -> int | None:
    """The place nearest to the middle that may tell something; None when there is none."""
    middle = (low + high) / 2
    places = [each for each in range(low + 1, high) if each not in silent]
    return min(places, key=lambda each: (abs(each - middle), each), default=None)
