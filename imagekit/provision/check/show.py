"""A report as text, as JSON, and the rules as a page."""

from __future__ import annotations

import json
from collections.abc import Iterator

from imagekit.provision.check.check import Report
from imagekit.provision.check.finding import RULES, Finding, Level, Seen


def render_text(report: Report) -> str:
    """One paragraph a finding, then what was looked at and what was not."""
    lines: list[str] = []
    for each in report.findings:
        lines.append(f"{each.file}:{each.line}: {each.rule.level}: {each.message} [{each.rule.id}]")
        lines.append(f"    {each.object or 'the file'}: {each.rule.fix}")
    return "\n".join([*lines, *_closing(report)])


def _closing(report: Report) -> Iterator[str]:
    if report.unchecked:
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(report.unchecked.items()))
        yield f"not checked against a schema: {kinds} (kinds of Kubernetes itself; --apiserver checks them)"
    if report.cel:
        kinds = ", ".join(f"{number} of {kind}" for kind, number in sorted(report.cel.items()))
        yield f"not evaluated here: CEL rules, {kinds} (--apiserver evaluates them)"
    if not report.ledger:
        yield "withdrawn digests were not asked for (--without-ledger)"
    if report.served:
        yield report.served
    warnings = len(report.findings) - report.errors
    yield (
        f"{report.objects} objects in {report.files} files: {report.errors} errors, {warnings} warnings"
        if report.objects
        else f"no object in {report.files} files: nothing was checked"
    )


def render_json(report: Report) -> str:
    """The report for programs."""
    return json.dumps(
        {
            "good": report.good,
            "objects": report.objects,
            "files": report.files,
            "errors": report.errors,
            "unchecked": dict(report.unchecked),
            "cel_not_evaluated": dict(report.cel),
            "ledger": report.ledger,
            "server": report.served,
            "findings": [_finding(each) for each in report.findings],
        },
        indent=2,
    )


def _finding(each: Finding) -> dict[str, object]:
    return {
        "file": each.file,
        "line": each.line,
        "object": each.object,
        "key": each.key,
        "rule": each.rule.id,
        "level": each.rule.level.value,
        "seen_by": each.rule.seen.value,
        "message": each.message,
        "fix": each.rule.fix,
    }


def rules_page() -> str:
    """Every rule as Markdown, made from the code."""
    head = "| rule | seen by | why | what to do |\n|---|---|---|---|\n"
    rows = (
        f"| `{each.id}`{' (warning)' if each.level is Level.WARNING else ''} | {each.seen.value} | {_cell(each.why)} | "
        f"{_cell(each.fix)} |\n"
        for each in sorted(RULES.values(), key=lambda one: (list(Seen).index(one.seen), one.id))
    )
    return head + "".join(rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
