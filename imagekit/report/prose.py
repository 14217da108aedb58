"""A page of the runbook as HTML for the report: its tables are read at night, on a phone."""

from __future__ import annotations


def as_html(text: str) -> str:
    """Markdown as HTML, and nothing else of it; a link is its words, for the page that it names is elsewhere."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "autolink"])
    for rule in ("link_open", "link_close"):
        parser.add_render_rule(rule, _nothing)
    rendered: str = parser.render(text)
    return rendered


def _nothing(*_: object) -> str:
    return ""
