"""The result as one self-contained page: no script, no asset from elsewhere, every word escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagekit.base.files import write_whole
from imagekit.checks.hardening.score import scores
from imagekit.checks.outcome import CheckResult, Outcome
from imagekit.report.card import TO_COPY, card_of, card_rows, word_of
from imagekit.report.chart import draw
from imagekit.report.cleaned import cleaned
from imagekit.report.prose import as_html
from imagekit.report.result import RunResult, StageRow

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

_TEMPLATE = "page.html.j2"


@dataclass(frozen=True, slots=True)
class LayerChecks:
    """The checks of one layer, the ones that need a look first."""

    name: str
    checks: tuple[CheckResult, ...]
    passed: int
    blocked: bool


def render_html(result: RunResult, runbook: str = "") -> str:
    """The page as text; whatever the guest said is data in it, never markup.

    `runbook` is the text of the runbook page that the failure card names: it stands in the page, and is linked there.
    """
    return _template().render(**_words(cleaned(result)), runbook=runbook.strip())


@cache
def _template() -> Template:
    """The page, compiled once in a process."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(duration=duration, size=size, short=short, instant=instant, prose=_prose)
    return environment.get_template(_TEMPLATE)


def _prose(text: str) -> Markup:
    from markupsafe import Markup

    return Markup(as_html(text))  # Markdown alone is markup in it


def write_html(result: RunResult, path: Path, runbook: str = "") -> Path:
    """Write the page to a file, whole or not at all."""
    return write_whole(path, render_html(result, runbook))


def _words(result: RunResult) -> dict[str, Any]:
    checks = result.suites.checks if result.suites else ()
    card = card_of(result)
    return {
        "r": result,
        "word": word_of(result),
        "card": grouped(card_rows(card)) if card else (),
        "to_copy": TO_COPY,
        "warnings": result.suites.cautions if result.suites else (),
        "groups": group(checks),
        "counts": [(outcome, sum(check.outcome is outcome for check in checks)) for outcome in Outcome],
        "total": len(checks),
        "hardening": scores((check.id, check.outcome) for check in checks),
        "stages": shares(result.stages),
        "drawing": draw(result.chart) if result.chart else None,
    }


def grouped(rows: Sequence[tuple[str, str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Rows of a card with the texts of one label together, in the order of the labels."""
    labels = dict.fromkeys(label for label, _ in rows)
    return tuple((name, tuple(text for label, text in rows if label == name)) for name in labels)


def group(checks: tuple[CheckResult, ...]) -> tuple[LayerChecks, ...]:
    """Checks by layer in their order; within a layer what did not pass comes first."""
    names = dict.fromkeys(check.layer for check in checks)
    return tuple(_layer(name, [check for check in checks if check.layer == name]) for name in names)


def _layer(name: str, checks: list[CheckResult]) -> LayerChecks:
    ordered = sorted(checks, key=lambda check: (not check.blocks, check.outcome is Outcome.PASSED))
    passed = sum(check.outcome is Outcome.PASSED for check in checks)
    return LayerChecks(name, tuple(ordered), passed, any(check.blocks for check in checks))


def shares(stages: tuple[StageRow, ...]) -> tuple[tuple[StageRow, float], ...]:
    """Each stage with its share of the time in percent."""
    whole = sum(stage.seconds for stage in stages) or 1.0
    return tuple((stage, round(100 * stage.seconds / whole, 2)) for stage in stages)


def duration(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60):02d} s"


def instant(text: str) -> str:
    """A time in ISO 8601 for people, in UTC; what is none stands as it is."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M UTC}"
    except ValueError:
        return text


def size(count: int) -> str:
    """Bytes for people, in binary units."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def short(digest: str) -> str:
    """The first 12 hex digits of a digest or id."""
    return digest.removeprefix("sha256:")[:12]
