from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from junitparser import JUnitXml

from imagekit.checks.outcome import Outcome
from imagekit.report.html import duration, instant, render_html, size
from imagekit.report.junit import render_junit
from imagekit.report.markdown import render_markdown
from imagekit.report.result import Failure, ResultError, RunResult, Verdict, read_result, write_result
from imagekit.report.terminal import render_terminal
from tests.unit.report.sample import DIGEST, HOSTILE, bad, good, scenario_results

_VOID = {"meta", "link", "img", "br", "input", "hr"}


class Page(HTMLParser):
    """Collects tags and text, and sees to it that what opens closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def bare() -> RunResult:
    return RunResult(
        run_id="r", image="i", command="c", started="2026-11-22T00:00:00Z", seconds=0.1, verdict=Verdict.FAILED
    )


@pytest.mark.parametrize("result", [good(), bad(), bare()], ids=["good", "bad", "bare"])
def test_the_page_is_whole_and_stands_alone(result: RunResult) -> None:
    text = render_html(result)
    page = Page(text)
    assert page.open == []
    assert not {"script", "img", "link", "iframe", "object"} & set(page.tags)
    assert not [value for name, value in page.attributes if name in ("src", "onerror", "onclick")]
    assert all(value and value.startswith("#") for name, value in page.attributes if name == "href")
    assert "url(" not in text
    assert "default-src 'none'" in text


def test_hostile_words_are_data() -> None:
    page = Page(render_html(bad()))
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7*7 }}" in page.text


def test_the_page_shows_what_matters() -> None:
    page = Page(render_html(bad()))
    for word in (
        "imagekit test debian-node --layer sssd --keep",
        "unit failed",
        "IK-7",
        "errored",
        DIGEST,
        "sssd.service",
    ):
        assert word in page.text
    assert "127.0.0.1:20555/imagekit/debian-node" in Page(render_html(good())).text


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("result", [good(), bad(), bare()], ids=["good", "bad", "bare"])
def test_the_summary_fits_a_screen(result: RunResult, width: int) -> None:
    lines = render_terminal(result, width=width, page="report.html").splitlines()
    assert len(lines) <= 23
    assert all(len(line) <= width for line in lines)


def test_a_failure_is_in_the_first_ten_lines() -> None:
    first = "\n".join(render_terminal(bad(), page="report.html").splitlines()[:10])
    assert "FAILED" in first
    assert "verify" in first
    assert "sssd failed: Property number 90" in first
    assert "imagekit test debian-node --layer sssd --keep" in first


def test_a_long_command_is_not_cut() -> None:
    result = bad()
    assert result.failure is not None
    command = "imagekit test " + "x" * 120
    text = render_terminal(replace(result, failure=replace(result.failure, again=command)))
    assert command in text


def test_a_good_summary_names_what_was_published() -> None:
    text = render_terminal(good())
    assert "PASSED" in text
    assert "127.0.0.1:20555/imagekit/debian-node:v2026.1122.0-g1a2b3c4" in text
    assert "17 of 17 passed" in text
    assert DIGEST in text


def test_no_markup_and_no_control_sequence_reaches_the_terminal() -> None:
    result = replace(bad(), image="[red]x[/red]\x1b[2J")
    text = render_terminal(result)
    assert "\x1b" not in text
    assert "[red]x[/red]" in text


def test_junit_counts_every_way_to_end() -> None:
    document = JUnitXml.fromstring(render_junit(bad()).encode())
    suites = {suite.name: suite for suite in document}
    sssd = suites["debian-node/sssd"]
    assert (sssd.tests, sssd.failures, sssd.errors, sssd.skipped) == (4 + 17, 1, 2, 1)
    names = {suite.name for suite in document}
    assert names == {f"debian-node/{layer}" for layer in ("base", "k0s", "sssd", "ca-trust")} | {"debian-node/stages"}
    stages = suites["debian-node/stages"]
    assert (stages.tests, stages.errors) == (7, 3)
    assert "unescaped" not in render_junit(bad())


def test_junit_of_a_good_run_has_no_failure() -> None:
    document = JUnitXml.fromstring(render_junit(good()).encode())
    assert (document.failures, document.errors, document.skipped) == (0, 0, 0)
    assert document.tests == 17 * 4 + 7


def test_a_check_during_which_the_node_wanted_out_is_marked(tmp_path: Path) -> None:
    """A check that passed is, too; nothing is said of the others."""
    result = good()
    assert result.suites is not None
    first, *others = result.suites.checks
    told = replace(first, attempts=("203.0.113.7:443/tcp", f"x{HOSTILE} (icmp)"))
    result = replace(result, suites=replace(result.suites, checks=(told, *others)))
    assert read_result(write_result(result, tmp_path / "result.json")) == result
    words = "the node wanted out of the fixture network, in vain: 203.0.113.7:443/tcp, x"
    page = Page(render_html(result))
    assert page.text.count(words) == 1
    assert "script" not in page.tags
    cases = [case for suite in JUnitXml.fromstring(render_junit(result).encode()) for case in suite]
    assert [case.name for case in cases if case.system_out and words in case.system_out] == [
        f"{first.id.rpartition('::')[2]}: {first.title}"
    ]


@pytest.mark.parametrize(("seconds", "words"), [(0.004, "4 ms"), (2.34, "2.3 s"), (61.0, "1 min 01 s")])
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(10, "10 B"), (1536, "1.5 KiB"), (40 << 20, "40 MiB"), (3 << 30, "3.0 GiB")]
)
def test_size(count: int, words: str) -> None:
    assert size(count) == words


def test_the_chart_stays_inside_its_frame() -> None:
    boxes = re.findall(r'<rect x="([\d.]+)" y="\d+" width="([\d.]+)"', render_html(good()))
    assert len(boxes) == 8
    assert all(float(x) + float(width) <= 1000 for x, width in boxes)


def test_every_view_shows_the_scenarios() -> None:
    reported = replace(good(), scenarios=scenario_results(*[Outcome.PASSED] * 15))
    page = Page(render_html(reported))
    assert page.open == []
    assert "Promise number 15 is kept." in page.text
    suites = {suite.name: suite for suite in JUnitXml.fromstring(render_junit(reported).encode())}
    assert (suites["debian-node/lifecycle"].tests, suites["debian-node/lifecycle"].failures) == (15, 0)
    screen = render_terminal(reported)
    assert "15 of 15 scenarios passed" in screen
    assert len(screen.splitlines()) <= 23
    assert all(f"scenario-{number}" in screen for number in range(1, 16))


def test_a_broken_scenario_is_named_with_its_reason() -> None:
    scenarios = scenario_results(Outcome.PASSED, Outcome.FAILED, Outcome.MISSING, Outcome.ERRORED, detail=HOSTILE)
    reported = replace(bad(), scenarios=scenarios)
    page = Page(render_html(reported))
    assert page.open == []
    assert HOSTILE in page.text
    assert "imagekit test debian-node --scenario scenario-2" in page.text
    suites = {suite.name: suite for suite in JUnitXml.fromstring(render_junit(reported).encode())}
    lifecycle = suites["debian-node/lifecycle"]
    assert (lifecycle.tests, lifecycle.failures, lifecycle.errors) == (4, 1, 2)
    assert "scenario-2 failed" in render_terminal(reported)


def test_a_limit_of_the_framework_is_in_every_view_of_a_run_that_passed() -> None:
    kept, met = scenario_results(Outcome.PASSED, Outcome.FAILED, detail="nobody compares")
    reported = replace(good(), scenarios=(kept, replace(met, limit="nobody compares")))
    said = "scenario scenario-2 not kept, a limit of its framework: nobody compares"
    assert reported.verdict is Verdict.PASSED
    assert said in " ".join(render_terminal(reported).split())
    assert "1 of 2 scenarios passed" in render_terminal(reported)
    assert "scenario scenario\\-2 not kept" in render_markdown(reported)
    page = Page(render_html(reported))
    assert page.open == []
    assert said in page.text
    suites = {suite.name: suite for suite in JUnitXml.fromstring(render_junit(reported).encode())}
    assert (suites["debian-node/lifecycle"].failures, suites["debian-node/lifecycle"].skipped) == (0, 1)


CONTROLS = "a\x1b[31mb\x1b]0;t\x07c\x9bd\u202ee\u200bf\ud800g\x00h\ufffei"


@pytest.mark.attack
@pytest.mark.parametrize("render", [render_junit, render_html, render_markdown, render_terminal])
def test_no_view_holds_what_a_terminal_obeys(render: Callable[[RunResult], str]) -> None:
    """D38 D42: an ESC in an error made `report` crash, for XML has none."""
    failure = Failure(stage="test", error=CONTROLS, hint=CONTROLS, again=CONTROLS)
    found = bad().suites
    assert found is not None
    shouting = [replace(each, message=CONTROLS, details=CONTROLS, title=CONTROLS) for each in found.checks]
    checks = replace(found, checks=tuple(shouting))
    text = render(replace(bad(), failure=failure, version=CONTROLS, changes=(CONTROLS,), suites=checks))
    assert "abcdefghi" in text.replace("\\", "")
    assert [each for each in text if unicodedata.category(each) in ("Cc", "Cf", "Cs") and each not in "\n\t"] == []


def test_a_result_with_half_a_character_is_kept(tmp_path: Path) -> None:
    path = write_result(replace(bad(), version=CONTROLS), tmp_path)
    assert read_result(path).version == "abcdefghi"


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"format": NaN}', b'{"format": 1, "format": 1}', b"\xff", b"[]"])
def test_a_result_that_is_none_is_told_as_damaged(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "result.json").write_bytes(data)
    with pytest.raises(ResultError, match="damaged"):
        read_result(tmp_path)


def test_the_runbook_stands_in_the_page_and_is_linked() -> None:
    page = Page(render_html(bad(), "# SSSD\n\nLook at `sssctl`, not at <b>it</b>.\n"))
    assert ("href", "#runbook") in page.attributes
    assert ("id", "runbook") in page.attributes
    assert "not at <b>it</b>." in page.text


def test_without_the_runbooks_text_nothing_is_linked() -> None:
    assert ("href", "#runbook") not in Page(render_html(bad())).attributes


def test_times_are_for_people() -> None:
    assert instant("2026-11-22T18:15:00+00:00") == "2026-11-22 18:15 UTC"
    assert instant("2026-11-22T18:15:00+02:00") == "2026-11-22 16:15 UTC"
    assert instant("no time") == "no time"
