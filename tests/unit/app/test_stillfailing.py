"""What `imagekit check --failed` runs again on a kept machine: what failed when it was asked last."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.app.stillfailing import failing_on, note_failing
from imagekit.base.errors import ConfigError
from imagekit.checks.outcome import CheckResult, Outcome, SuiteResult
from tests.unit.app.test_keptmachine import machine


def found(required: bool = True, **outcomes: Outcome) -> SuiteResult:
    checks = [
        CheckResult(id=f"base/test_a.py::{name}", layer="base", title=name, outcome=how, seconds=0.1, required=required)
        for name, how in outcomes.items()
    ]
    return SuiteResult(suite_hash="s", checks=tuple(checks), seconds=1.0)


def test_each_look_changes_what_it_asked_for_alone(tmp_path: Path) -> None:
    kept = machine(tmp_path)
    Path(kept.folder).mkdir()
    note_failing(kept, found(test_a=Outcome.FAILED, test_b=Outcome.ERRORED, test_c=Outcome.PASSED))
    note_failing(kept, found(required=False, test_d=Outcome.FAILED))
    assert failing_on(kept).ids == ("live:base/test_a.py::test_a", "live:base/test_a.py::test_b")
    note_failing(kept, found(test_a=Outcome.PASSED, test_c=Outcome.FAILED))
    assert failing_on(kept).ids == ("live:base/test_a.py::test_b", "live:base/test_a.py::test_c")
    note_failing(kept, found(test_b=Outcome.PASSED, test_c=Outcome.PASSED))
    with pytest.raises(ConfigError, match="every required check passed"):
        failing_on(kept)


@pytest.mark.parametrize("text", ["", "{", "3"])
def test_a_note_that_is_not_whole_is_none(tmp_path: Path, text: str) -> None:
    kept = machine(tmp_path)
    Path(kept.folder).mkdir()
    (Path(kept.folder) / "failing-live.json").write_text(text)
    with pytest.raises(ConfigError):
        failing_on(kept)
