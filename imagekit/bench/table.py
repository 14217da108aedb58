"""The views of a report: text for a terminal, Markdown, JSON (pure)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from imagekit.bench.model import Bound, Comparison, Met, Report, Row

COMPARED = ("what", "then", "now", "now / then")
HEADINGS = ("what", "measured", "compared with", "reference", "ratio", "goal", "met")
_RIGHT = {1, 3, 4, 5}


def number(value: float | None, unit: str = "") -> str:
    """Three significant digits and the unit; a dash for nothing."""
    if value is None:
        return "-"
    text = f"{value:.0f}" if abs(value) >= 100 or value == 0 else f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def goal_text(row: Row) -> str:
    """A goal as people write it: a factor, or a value with its unit."""
    if row.goal is None:
        return ""
    limit = number(row.goal.limit)
    return f"≤ {limit} x" if row.goal.bound is Bound.RATIO else f"≤ {limit} {row.unit}"


def cells(row: Row) -> tuple[str, ...]:
    """One row in the order of `HEADINGS`."""
    met = row.met.value.upper() if row.met is Met.NO else row.met.value
    return (
        row.name,
        number(row.measured, row.unit),
        row.against,
        number(row.reference, row.unit) if row.against else "",
        number(row.ratio) if row.against else "",
        goal_text(row),
        met,
    )


def as_text(report: Report) -> str:
    """A table for a terminal, notes and errors below it."""
    return "\n".join([*_text([HEADINGS, *(cells(row) for row in report.rows)], _RIGHT), "", *_remarks(report)]) + "\n"


def as_markdown(report: Report) -> str:
    """The same as Markdown: date, command and machine before the table."""
    table = _markdown([HEADINGS, *(cells(row) for row in report.rows)], _RIGHT)
    head = [f"{report.started}, `{report.command}`, image {report.image}.", "", f"{report.machine}."]
    return "\n".join([*head, "", *table, "", *(f"- {remark}" for remark in _remarks(report))]) + "\n"


def as_data(report: Report) -> dict[str, Any]:
    """The report as plain data, with ratios and verdicts worked out."""
    data = asdict(report)
    for measurement, plain in zip(report.measurements, data["measurements"], strict=True):
        for row, fields in zip(measurement.rows, plain["rows"], strict=True):
            fields["ratio"], fields["met"] = row.ratio, row.met.value
    return data


def as_json(report: Report) -> str:
    """The report as JSON text."""
    return json.dumps(as_data(report), indent=1, ensure_ascii=False) + "\n"


def comparison_text(comparison: Comparison) -> str:
    """A comparison of two revisions for a terminal."""
    return "\n".join([*_text([COMPARED, *_compared(comparison)], {1, 2, 3}), "", *_about(comparison)]) + "\n"


def comparison_markdown(comparison: Comparison) -> str:
    """The same as Markdown."""
    table = _markdown([COMPARED, *_compared(comparison)], {1, 2, 3})
    return "\n".join([*table, "", *(f"- {line}" for line in _about(comparison))]) + "\n"


def comparison_json(comparison: Comparison) -> str:
    """The same as JSON text, with the ratios worked out."""
    data = asdict(comparison)
    for row, fields in zip(comparison.rows, data["rows"], strict=True):
        fields["ratio"] = row.ratio
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _compared(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    for row in comparison.rows:
        yield row.name, number(row.before, row.unit), number(row.now, row.unit), number(row.ratio)


def _about(comparison: Comparison) -> list[str]:
    rounds = (
        "one round" if comparison.rounds == 1 else f"the round of {comparison.rounds} whose ratio is the middle one"
    )
    return [f"then: {comparison.revision[:12]}; {rounds}", *(f"not measured: {error}" for error in comparison.errors)]


def _text(lines: Sequence[Sequence[str]], right: Collection[int]) -> list[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    head, *body = (_aligned(line, widths, right) for line in lines)
    return [head, "  ".join("─" * width for width in widths), *body]


def _markdown(lines: Sequence[Sequence[str]], right: Collection[int]) -> list[str]:
    head, *body = ("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    marks = ("---:" if column in right else "---" for column in range(len(lines[0])))
    return [head, "| " + " | ".join(marks) + " |", *body]


def _aligned(line: Sequence[str], widths: Sequence[int], right: Collection[int]) -> str:
    parts = [
        cell.rjust(width) if column in right else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]
    return "  ".join(parts).rstrip()


def _remarks(report: Report) -> list[str]:
    notes = [f"{row.name}: {row.note}" for row in report.rows if row.note]
    loads = [
        f"{each.name}: {each.seconds:.0f} s, load average {each.load_before:.1f} before and {each.load_after:.1f} after"
        for each in report.measurements
    ]
    return [*notes, *(f"not measured: {error}" for error in report.errors), *loads]
