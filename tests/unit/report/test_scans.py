"""What OpenSCAP found is in every view of a result, and read back as it was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.checks.scap.model import Rule, RuleResult
from imagekit.report.html import render_html
from imagekit.report.markdown import render_markdown
from imagekit.report.result import RunResult, read_result, write_result
from imagekit.report.stagepage import page_of_stage
from imagekit.report.terminal import render_terminal
from tests.support.xccdf import scan_of
from tests.unit.report.sample import good

WORDS = {"a": RuleResult.PASS, "b": RuleResult.FAIL, "c": RuleResult.NOT_APPLICABLE}
RULES = tuple(Rule(id=f"rule_{name}", title=name, severity="low", result=word) for name, word in WORDS.items())
NUMBERS = "1 of 2 rules that apply (50%), 1 fail, 1 notapplicable"


@pytest.fixture
def scanned() -> RunResult:
    result = good()
    assert result.suites is not None
    return replace(result, suites=replace(result.suites, scans=(scan_of(*RULES),)))


def test_every_view_says_the_score_and_the_content(scanned: RunResult) -> None:
    for view in (render_terminal(scanned, width=200), render_markdown(scanned), render_html(scanned)):
        assert NUMBERS in view
        assert "ssg-debian 0.1" in view
    assert "does not apply: rule_c" in render_html(scanned)


def test_without_a_scan_nothing_is_said(scanned: RunResult) -> None:
    views = (render_terminal(good(), width=200), render_markdown(good()), render_html(good()))
    assert not any("OpenSCAP" in view or "scanned" in view for view in views)


def test_it_is_read_as_it_was_written(scanned: RunResult, tmp_path: Path) -> None:
    write_result(scanned, tmp_path)
    assert read_result(tmp_path) == scanned


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("lint", "no SCAP content is declared for debian trixie of small-node: nothing was judged"),
        ("lint", "/usr/share/xml/ds.xml of ssg-debian 1 has no profile xccdf_org.example_profile_large"),
        ("checks openscap", "oscap ended with status 1 on the node: nothing was judged"),
        ("checks openscap", "openscap-results.xml is no whole XML: no element found"),
    ],
)
def test_what_was_not_judged_has_the_page_of_it(stage: str, said: str) -> None:
    assert page_of_stage(stage, said) == "docs/runbook/openscap.md"
