"""The score of a profile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagekit.base.errors import ConfigError
from imagekit.checks.hardening.catalogue import CONTROLS, PROFILES, controls_of
from imagekit.checks.hardening.score import score, scores

ONES = [each.id for each in controls_of("server-1")]


def rows(*ids: str, outcome: str = "passed", path: str = "live") -> list[tuple[str, str]]:
    return [(f"{path}:base/test_hardening.py::test_control[{each}]", outcome) for each in ids]


def test_all_passed_is_one() -> None:
    found = score("server-1", rows(*ONES))
    assert (found.value, found.failed, found.unseen) == (1.0, (), ())


@pytest.mark.parametrize("outcome", ["failed", "errored", "skipped", "missing", "PASSED", ""])
def test_nothing_but_passed_counts(outcome: str) -> None:
    found = score("server-1", [*rows(*ONES[1:]), *rows(ONES[0], outcome=outcome)])
    assert found.failed == (ONES[0],)
    assert found.value < 1


def test_what_failed_on_one_boot_path_has_failed() -> None:
    found = score("server-1", [*rows(*ONES), *rows(ONES[3], outcome="failed", path="direct")])
    assert found.failed == (ONES[3],)


def test_a_control_that_is_left_out_does_not_raise_the_score() -> None:
    found = score("server-2", rows(*ONES))
    assert found.value < 1
    assert set(found.unseen) == {each.id for each in CONTROLS if each.level == 2}


def test_checks_of_other_names_are_none() -> None:
    assert scores([("live:base/test_ssh.py::test_sshd_keyword[SSH-01]", "passed")]) == ()
    assert [each.profile for each in scores(rows("SSH-01"))] == list(PROFILES)


def test_an_unknown_profile_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no hardening profile 'server-3'"):
        score("server-3", [])


@given(st.lists(st.tuples(st.sampled_from(ONES), st.sampled_from(["passed", "failed"]))))
def test_more_failures_never_raise_it(drawn: list[tuple[str, str]]) -> None:
    before = [row for name, outcome in drawn for row in rows(name, outcome=outcome)]
    assert score("server-1", [*before, *rows(ONES[0], outcome="failed")]).value <= score("server-1", before).value
