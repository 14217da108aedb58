"""A runbook page in the report: Markdown becomes HTML, and nothing else in it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.report.prose import as_html

PAGES = sorted((Path(__file__).parents[3] / "docs/runbook").glob("*.md"))


def test_a_table_is_a_table() -> None:
    page = as_html("# SSH\n\n| you see | do |\n|---|---|\n| a `key` | wait |\n")
    assert "<h1>SSH</h1>" in page
    assert "<td>a <code>key</code></td>" in page
    assert "|" not in page


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;"),
        ("a <img src=x onerror=alert(1)> b", "&lt;img"),
        ("[the page](javascript:alert(1))", "the page"),
        ("[the page](../checks.md#marks)", "the page"),
        ("![a](http://x.example/a.png)", "a"),
        ("<http://x.example>", "&lt;http"),
    ],
)
def test_nothing_is_markup_or_leads_elsewhere(text: str, stays: str) -> None:
    page = as_html(text)
    assert stays in page
    for tag in ("<script", "<img", "<a", "href=", "src="):
        assert tag not in page.replace("&lt;img src=", "")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_page_of_the_runbook_reads_as_prose(path: Path) -> None:
    page = as_html(path.read_text())
    assert "<h1>" in page
    assert "<p>|" not in page, "a table that is none"
