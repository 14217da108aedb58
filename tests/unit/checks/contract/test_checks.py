"""Each check is shown to fail: one thing broken in good facts, and exactly the checks that promise it fail."""

from __future__ import annotations

import pytest

from tests.unit.checks.contract.breaks import AnyBreak, every_break
from tests.unit.checks.contract.run import cases, failing, good

BREAKS = list(every_break())


def test_good_facts_pass_everything() -> None:
    assert failing(good()) == set()


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.name)
def test_a_break_is_found_by_the_checks_that_promise_it(broken: AnyBreak) -> None:
    assert failing(broken.apply(good()), among=good()) == set(broken.fails)


def test_no_check_is_without_a_break() -> None:
    shown = {name for broken in BREAKS for name in broken.fails}
    assert {name for name, _, _ in cases()} - shown == set()
