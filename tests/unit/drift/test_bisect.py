"""The lock bisected: one bad package, two that break only together, answers that tell nothing."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagekit.drift.bisect import Group, bisect, grouped
from imagekit.drift.model import Change, Input, Key, Result, changes_between, with_changes
from tests.support.simdrift import LAYERS, lock_of


def made(count: int) -> tuple[Group, ...]:
    return grouped(changes_between(lock_of(count), lock_of(count, "2"), LAYERS))


def names(groups: Sequence[Group]) -> list[str]:
    return [change.key.name for group in groups for change in group]


class Builds:
    """Answers, and keeps what was asked."""

    def __init__(self, *culprits: str, unknown: frozenset[int] = frozenset()) -> None:
        self.culprits = set(culprits)
        self.unknown = unknown
        self.asked: list[list[str]] = []

    def __call__(self, changes: Sequence[Change]) -> Result:
        self.asked.append([change.key.name for change in changes])
        if len(changes) in self.unknown:
            return Result.UNKNOWN
        return Result.BAD if self.culprits <= set(self.asked[-1]) else Result.GOOD


@pytest.mark.parametrize("culprit", [f"p{number:02}" for number in range(16)])
def test_one_of_sixteen_is_named_in_at_most_five_builds(culprit: str) -> None:
    builds = Builds(culprit)
    found = bisect(made(16), builds)
    assert names(found.culprits) == [culprit]
    assert found.exact
    assert found.builds == len(builds.asked) <= 5


@given(st.integers(1, 200), st.data())
@settings(deadline=None)
def test_one_of_any_number_in_1_plus_log2_builds(count: int, data: st.DataObject) -> None:
    culprit = f"p{data.draw(st.integers(0, count - 1)):02}"
    found = bisect(made(count), Builds(culprit))
    assert names(found.culprits) == [culprit]
    assert found.builds <= 1 + ceil(log2(count))


@pytest.mark.parametrize("a", range(0, 16, 3))
@pytest.mark.parametrize("b", range(1, 16, 4))
def test_two_that_break_only_together_are_both_named(a: int, b: int) -> None:
    wanted = sorted({f"p{a:02}", f"p{b:02}"})
    found = bisect(made(16), Builds(*wanted))
    assert names(found.culprits) == wanted
    assert found.exact
    assert found.builds <= 2 * 5


@given(st.integers(3, 40), st.data())
@settings(deadline=None)
def test_three_that_break_only_together(count: int, data: st.DataObject) -> None:
    wanted = sorted(data.draw(st.sets(st.integers(0, count - 1), min_size=3, max_size=3)))
    found = bisect(made(count), Builds(*(f"p{each:02}" for each in wanted)))
    assert names(found.culprits) == [f"p{each:02}" for each in wanted]
    assert found.builds <= 3 * (1 + ceil(log2(count)))


def test_of_two_that_each_break_it_alone_one_is_named_truly() -> None:
    def ask(changes: Sequence[Change]) -> Result:
        return Result.BAD if {"p03", "p12"} & {change.key.name for change in changes} else Result.GOOD

    found = bisect(made(16), ask)
    assert names(found.culprits) == ["p03"]
    assert found.exact


@pytest.mark.parametrize("unknown", [{8}, {8, 7, 9}, {4, 8, 12}])
def test_an_answer_that_tells_nothing_is_gone_around(unknown: set[int]) -> None:
    builds = Builds("p05", unknown=frozenset(unknown))
    found = bisect(made(16), builds)
    assert names(found.culprits) == ["p05"]
    assert found.exact


def test_where_nothing_can_be_told_everybody_possible_is_named_and_it_says_so() -> None:
    found = bisect(made(8), Builds("p05", unknown=frozenset({4, 5, 6})))
    assert not found.exact
    assert names(found.culprits) == ["p03", "p04", "p05", "p06"]


def test_the_lowest_layers_move_first_so_that_builds_share_the_most() -> None:
    builds = Builds("p15")
    bisect(made(16), builds)
    order = [change.key.layer for group in made(16) for change in group]
    assert order == sorted(order, key=LAYERS.index)
    assert all(asked == sorted(asked) for asked in builds.asked)


def test_packages_of_one_source_move_together() -> None:
    old = {Key("base", name): Input("1", "a", "openssl") for name in ("openssl", "libssl3t64")}
    new = {key: Input("2", "b", "openssl") for key in old}
    [group] = grouped(changes_between(old, new, LAYERS))
    assert [change.key.name for change in group] == ["libssl3t64", "openssl"]
    found = bisect([group], Builds("openssl"))
    assert (names(found.culprits), found.builds) == (["libssl3t64", "openssl"], 0)


def test_packages_of_one_source_move_together_over_layers() -> None:
    old = {
        Key(layer, name): Input("1", "a", "openssl") for layer, name in (("base", "libssl3t64"), ("sssd", "openssl"))
    }
    old[Key("k0s", "curl")] = Input("1", "a", "curl")
    new = {key: Input("2", "b", each.group) for key, each in old.items()}
    both, curl = grouped(changes_between(old, new, LAYERS))
    assert [change.key.name for change in both] == ["libssl3t64", "openssl"]
    assert [change.key.name for change in curl] == ["curl"]


def test_changes_added_removed_and_of_the_same_version() -> None:
    a, b, c = Key("base", "a"), Key("base", "b"), Key("sssd", "c")
    old = {a: Input("1", "x"), b: Input("1", "x")}
    new = {a: Input("1", "y"), c: Input("3", "z")}
    changes = changes_between(old, new, LAYERS)
    assert [change.text for change in changes] == [
        "a 1, another file of the same version (base)",
        "b 1 removed (base)",
        "c 3 added (sssd)",
    ]
    assert with_changes(old, changes) == new
    assert with_changes(old, []) == old
    assert changes_between(old, {a: Input("1", "x", "other"), b: Input("1", "x")}, LAYERS) == ()


@given(st.integers(1, 7), st.data())
@settings(deadline=None, max_examples=300)
def test_whatever_gives_no_answer_nobody_innocent_is_named_for_certain(count: int, data: st.DataObject) -> None:
    """Any needed set, any questions without an answer: what is named is needed, and what is needed is told."""
    wanted = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=3))
    silent = data.draw(st.sets(st.frozensets(st.integers(0, count - 1)), max_size=30))

    def ask(changes: Sequence[Change]) -> Result:
        have = frozenset(int(change.key.name[1:]) for change in changes)
        return Result.UNKNOWN if have in silent else Result.BAD if wanted <= have else Result.GOOD

    found = bisect(made(count), ask)
    named = {int(name[1:]) for name in names(found.culprits)}
    assert wanted <= named | {int(name[1:]) for name in names(found.perhaps)}
    if found.exact:
        assert named == wanted
    assert named & wanted


def test_one_that_cannot_be_tried_alone_is_not_said_to_be_bad_with_what_it_needs() -> None:
    def ask(changes: Sequence[Change]) -> Result:
        have = {change.key.name for change in changes}
        if "p05" in have and "p00" not in have:
            return Result.UNKNOWN
        return Result.BAD if "p05" in have else Result.GOOD

    found = bisect(made(16), ask)
    assert (names(found.culprits), names(found.perhaps), found.exact) == (["p05"], ["p00"], False)
