"""The result as Markdown for a job summary; words from the guest and from tools can make no markup of their own."""

from __future__ import annotations

import re
from collections.abc import Sequence

from imagekit.base.text import one_line
from imagekit.checks.outcome import CheckResult, Outcome
from imagekit.report.cleaned import cleaned
from imagekit.report.result import LayerRow, RunResult, Verdict

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#|~&!@:-])")
_CHECKS_SHOWN = 20


def render_markdown(result: RunResult) -> str:
    """Verdict, failure, stages, layers, checks that did not pass, scenarios and what was published."""
    result = cleaned(result)
    blocks = [
        _headline(result),
        *_failure(result),
        _table(("stage", "", "seconds"), [(s.name, s.status, f"{s.seconds:.1f}") for s in result.stages]),
        _table(("layer", "id", "MB", ""), [_layer(layer) for layer in result.layers]),
        *_checks(result),
        _table(("scenario", "", "promise"), [(s.name, s.outcome, s.promise) for s in result.scenarios]),
        *_release(result),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def escaped(text: object, limit: int = 300) -> str:
    """Text as it stands, on one line, whatever it holds."""
    return _SPECIAL.sub(r"\\\1", one_line(str(text), limit))


def _headline(result: RunResult) -> str:
    mark = "✅ passed" if result.verdict is Verdict.PASSED else "❌ failed"
    about = [f"{escaped(result.version)}" if result.version else "", _code(result.digest)]
    kind = "embedded stand-in, not for production" if result.embedded else ""
    rest = " · ".join(part for part in (*about, kind, f"{result.seconds:.0f} s") if part)
    return f"## {mark}: {escaped(result.image)}\n\n{rest}"


def _failure(result: RunResult) -> list[str]:
    failure = result.failure
    if failure is None:
        return []
    lines = [f"**Stage {escaped(failure.stage)}**: {escaped(failure.error)}"]
    if failure.hint:
        lines.append(f"What to do: {escaped(failure.hint, 800)}")
    if failure.again:
        lines.append(f"Again: {_code(failure.again)}")
    return ["\n\n".join(lines)]


def _checks(result: RunResult) -> list[str]:
    if result.suites is None:
        return []
    counts = ", ".join(f"{count} {outcome}" for outcome, count in result.suites.counts.items() if count)
    bad = [check for check in result.suites.checks if check.outcome is not Outcome.PASSED]
    more = f"\n\n… and {len(bad) - _CHECKS_SHOWN} more" if len(bad) > _CHECKS_SHOWN else ""
    rows = [_check(check) for check in bad[:_CHECKS_SHOWN]]
    return [f"**Checks**: {counts or 'none'}", _table(("check", "", "why"), rows) + more]


def _check(check: CheckResult) -> tuple[str, str, str]:
    return f"{check.layer}: {check.title}", str(check.outcome), check.message


def _layer(layer: LayerRow) -> tuple[str, str, str, str]:
    return layer.name, layer.id[:12], f"{layer.size / 1e6:.1f}", "cached" if layer.cached else f"{layer.seconds:.1f} s"


def _release(result: RunResult) -> list[str]:
    if result.release is None:
        return []
    kinds = ", ".join(escaped(row.kind) for row in result.release.evidence)
    return [f"**Published** {_code(result.release.reference)}\n\nEvidence: {kinds or 'none'}"]


def _code(text: str) -> str:
    """Code, from which a backtick cannot break out."""
    return "`" + one_line(text, 500).replace("`", "'") + "`" if text else ""


def _table(head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    if not rows:
        return ""
    lines = [head, ("---",) * len(head), *(tuple(escaped(cell) for cell in row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
