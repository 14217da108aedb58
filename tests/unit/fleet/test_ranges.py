"""Ranges of names, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagekit.fleet.ranges import compress, expand


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("worker-[08-11]", ["worker-08", "worker-09", "worker-10", "worker-11"]),
        ("n[1-2,7]", ["n1", "n2", "n7"]),
        ("10.[0-1].[9-10]", ["10.0.9", "10.0.10", "10.1.9", "10.1.10"]),
        ("alone", ["alone"]),
        ("r[1]-n", ["r1-n"]),
    ],
)
def test_a_range_stands_for_its_names_in_order(text: str, found: list[str]) -> None:
    assert list(expand(text)) == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("n[]", "no range"),
        ("n[a-b]", "no range"),
        ("n[1-2-3]", "no range"),
        ("n[2-1]", "backwards"),
        ("n[01-100]", "different lengths"),
        ("n[1,1]", "twice"),
        ("n[1-3", "without its other half"),
        ("n1-3]", "without its other half"),
        ("n[[1-3]]", "without its other half"),
        ("n[1-999][1-999]", "more than"),
        ("n[0-999999999]", "more than"),
    ],
)
def test_what_is_no_range_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        expand(text)


@given(st.sets(st.tuples(st.sampled_from(["n", "n-", "web1-", "a0b"]), st.integers(0, 120), st.integers(0, 3))))
def test_compressed_names_expand_to_the_same_names(parts: set[tuple[str, int, int]]) -> None:
    names = {f"{prefix}{number:0{width}d}" if width else prefix for prefix, number, width in parts}
    found = [name for pattern in compress(names) for name in expand(pattern)]
    assert sorted(found) == sorted(names)


def test_500_names_are_one_line() -> None:
    assert compress(expand("tdc-worker-[001-500]")) == ["tdc-worker-[001-500]"]
