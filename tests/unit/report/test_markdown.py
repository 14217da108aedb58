"""The Markdown view: everything that matters, and nothing from the guest becomes markup."""

from __future__ import annotations

import re
from dataclasses import replace

from imagekit.checks.outcome import Outcome
from imagekit.report.markdown import escaped, render_markdown
from tests.unit.report.sample import DIGEST, HOSTILE, bad, good, scenario_results


def test_a_good_run_says_what_was_published() -> None:
    text = render_markdown(good())
    assert text.startswith("## ✅ passed: debian\\-node\n")
    assert f"`{DIGEST}`" in text
    assert "not for production" in text
    assert "`127.0.0.1:20555/imagekit/debian-node:v2026.1122.0-g1a2b3c4`" in text
    assert "68 passed" in text
    assert "| check |" not in text


def test_a_bad_run_says_first_what_failed_and_how_to_see_it_again() -> None:
    result = bad()
    text = render_markdown(result)
    assert result.failure is not None
    head, _, rest = text.partition("| stage |")
    assert "❌ failed" in head
    assert f"- **again** `{result.failure.again}`" in head
    for outcome in (Outcome.FAILED, Outcome.ERRORED, Outcome.MISSING):
        assert f"| {outcome} |" in rest


def test_words_of_the_guest_make_no_markup() -> None:
    text = render_markdown(bad())
    assert HOSTILE not in text
    outside_code = re.sub(r"`[^`]*`", "", text)
    assert not re.search(r"(?<!\\)[<>]", outside_code)
    assert not re.search(r"(?<!\\)\[[^]]*\]\(", outside_code)


def test_a_line_stays_a_line_and_a_cell_a_cell() -> None:
    assert escaped("a\n| b | @all #1") == "a \\| b \\| \\@\u200ball \\#\u200b1"


def test_what_changed_stands_before_the_stages_once() -> None:
    """Nothing filled it, and a run that passed did not show it (issue 16, 2)."""
    changes = ("package curl 8.1 to 8.2", "commit <b>")
    for result, line in ((good(), "- package curl 8.1 to 8.2\n- commit \\<b\\>\n"), (bad(), "package curl 8.1 to 8.2")):
        head, _, rest = render_markdown(replace(result, changes=changes)).partition("| stage |")
        assert head.count(line) == 1
        assert "package curl" not in rest
    assert "Changed" not in render_markdown(good())


def test_scenarios_are_listed_with_their_promise() -> None:
    from dataclasses import replace

    text = render_markdown(replace(good(), scenarios=scenario_results(Outcome.PASSED)))
    assert "| scenario\\-1 | passed | Promise number 1 is kept. |" in text
