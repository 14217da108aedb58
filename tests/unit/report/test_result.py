from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.checks.outcome import Outcome, SuiteResult
from imagekit.report.result import FILE_NAME, ResultError, Verdict, read_result, write_result
from tests.unit.report.sample import bad, good, scenario_results


@pytest.mark.parametrize("result", [good(), bad(), replace(good(), scenarios=scenario_results(Outcome.PASSED))])
def test_what_was_written_is_read(tmp_path: Path, result: object) -> None:
    from imagekit.report.result import RunResult

    assert isinstance(result, RunResult)
    path = write_result(result, tmp_path / "run")
    assert read_result(path) == result
    assert read_result(tmp_path / "run") == result
    assert [each.name for each in (tmp_path / "run").iterdir()] == [FILE_NAME]


def test_a_result_cannot_pass_with_a_failed_check() -> None:
    with pytest.raises(ResultError):
        replace(bad(), verdict=Verdict.PASSED)
    with pytest.raises(ResultError):
        replace(bad(), verdict=Verdict.PASSED, failure=None)


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.PASSED])
def test_a_result_cannot_pass_with_a_broken_promise(outcome: Outcome) -> None:
    with pytest.raises(ResultError):
        replace(good(), scenarios=scenario_results(Outcome.PASSED, outcome))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 2}', '{"format": 1, "run_id": 3}', "\xff"])
def test_damaged(tmp_path: Path, text: str) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(text)
    with pytest.raises(ResultError):
        read_result(path)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="no such result"):
        read_result(tmp_path)


def test_an_edited_verdict_is_refused(tmp_path: Path) -> None:
    path = write_result(bad(), tmp_path)
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "verdict": "passed"}))
    with pytest.raises(ResultError):
        read_result(path)


def test_a_result_of_earlier_words_is_read(tmp_path: Path) -> None:
    """Until 2026-12 `boot_path` was `road` and `direct` was `fast`."""
    check = replace(bad_suites().checks[0], id="direct:base/test_a.py::test_a")
    now = replace(bad(), suites=replace(bad_suites(), checks=(check,)))
    path = write_result(now, tmp_path)
    text = path.read_text().replace('"boot_path": "direct"', '"road": "fast"').replace('"direct:', '"fast:')
    assert text.count('"road": "fast"') == 1 + len(now.boots)
    path.write_text(text)
    assert read_result(path) == now


def bad_suites() -> SuiteResult:
    suites = bad().suites
    assert suites is not None
    return suites
