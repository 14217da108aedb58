"""Each check is shown to fail: one thing broken in good facts, and exactly the checks that promise it fail."""

from __future__ import annotations

import pytest

from tests.unit.checks.contract.negative import AnyNegativeCase, every_negative_case
from tests.unit.checks.contract.run import cases, failing, good

NEGATIVE_CASES = list(every_negative_case())


def test_good_facts_pass_everything() -> None:
    assert failing(good()) == set()


@pytest.mark.parametrize("broken", NEGATIVE_CASES, ids=lambda broken: broken.name)
def test_a_negative_case_is_found_by_the_checks_that_promise_it(broken: AnyNegativeCase) -> None:
    assert failing(broken.apply(good()), among=good()) == set(broken.fails)


def test_no_check_is_without_a_negative_case() -> None:
    shown = {name for broken in NEGATIVE_CASES for name in broken.fails}
    assert {name for name, _, _ in cases()} - shown == set()
