"""The result as Markdown for a job summary; words from the guest and from tools can make no markup of their own."""

from __future__ import annotations

import re
from collections.abc import Sequence

from imagekit.base.text import one_line
from imagekit.checks.hardening.score import scores
from imagekit.checks.outcome import CheckResult, Outcome
from imagekit.report.card import TO_COPY, card_of, card_rows, word_of
from imagekit.report.cleaned import cleaned
from imagekit.report.result import LayerRow, RunResult, Verdict

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#|~&!@:-])")
# GitHub looks for these in what is shown, where a backslash is gone: a character of no width parts them.
_REFERENCE = re.compile(r"@(?=\w)|#(?=\d)|\bGH\\-(?=\d)|\bwww(?=\.)", re.IGNORECASE)
_CHECKS_SHOWN = 20
_LONGEST = 4000


def render_markdown(result: RunResult) -> str:
    """Verdict, failure, what changed, stages, layers, checks that did not pass, scenarios and what was published."""
    result = cleaned(result)
    blocks = [
        _headline(result),
        *_card(result),
        *_cautions(result),
        *_changes(result),
        _table(("stage", "", "seconds"), [(s.name, s.status, f"{s.seconds:.1f}") for s in result.stages]),
        _table(("layer", "id", "MB", ""), [_layer(layer) for layer in result.layers]),
        *_checks(result),
        _table(("scenario", "", "promise"), [(s.name, s.outcome, s.promise) for s in result.scenarios]),
        *_release(result),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def escaped(text: object, limit: int = 300) -> str:
    """Text as it stands, on one line, whatever it holds: no markup, link, reference or mention."""
    return _REFERENCE.sub("\\g<0>\u200b", _SPECIAL.sub(r"\\\1", one_line(str(text), limit)))


def code(text: str, limit: int = _LONGEST) -> str:
    """Code, from which a backtick cannot break out."""
    return "`" + one_line(text, limit).replace("`", "'") + "`" if text else ""


def _headline(result: RunResult) -> str:
    word = word_of(result)
    mark = f"{'✅' if result.verdict is Verdict.PASSED else '❌' if word == 'failed' else '⏹️'} {word}"
    about = [f"{escaped(result.version)}" if result.version else "", code(result.digest)]
    kind = "embedded stand-in, not for production" if result.embedded else ""
    rest = " · ".join(part for part in (*about, kind, f"{result.seconds:.0f} s") if part)
    return f"## {mark}: {escaped(result.image)}\n\n{rest}"


def _card(result: RunResult) -> list[str]:
    """The failure card, a row a line; what is there to be copied is code."""
    card = card_of(result)
    if card is None:
        return [f"Note: {escaped(note)}" for note in result.notes]
    shown = [
        f"- **{label}** {code(text) if label in TO_COPY else escaped(text, _LONGEST)}"
        for label, text in card_rows(card)
    ]
    return ["\n".join(shown)]


def _cautions(result: RunResult) -> list[str]:
    """What did not pass and only warns, with its ticket and day, on a good result too."""
    warnings = result.suites.cautions if result.suites else ()
    told = [f"⚠️ {escaped(text, _LONGEST)}" for text in (result.beside, result.selected) if text]
    cautions = [*(check.caution for check in warnings), *(scenario.caution for scenario in result.limits)]
    return [*told, *(f"⚠️ {escaped(caution, _LONGEST)}" for caution in cautions)]


def _changes(result: RunResult) -> list[str]:
    """Of a run that passed; the card of another tells them."""
    if result.verdict is not Verdict.PASSED:
        return []
    lines = [f"- {escaped(change, _LONGEST)}" for change in result.changes]
    return ["\n".join(("**Changed**", "", *lines))] if lines else []


def _checks(result: RunResult) -> list[str]:
    if result.suites is None:
        return []
    counts = ", ".join(f"{count} {outcome}" for outcome, count in result.suites.counts.items() if count)
    bad = [check for check in result.suites.checks if check.outcome is not Outcome.PASSED]
    more = f"\n\n… and {len(bad) - _CHECKS_SHOWN} more" if len(bad) > _CHECKS_SHOWN else ""
    rows = [_check(check) for check in bad[:_CHECKS_SHOWN]]
    hardened = scores((check.id, check.outcome) for check in result.suites.checks)
    reported = [f"**Hardening**: {'; '.join(f'{each.profile} {each.short}' for each in hardened)}"] if hardened else []
    reported += [f"**OpenSCAP**: {each.said}" for each in result.suites.scans]
    return [f"**Checks**: {counts or 'none'}", *reported, _table(("check", "", "why"), rows) + more]


def _check(check: CheckResult) -> tuple[str, str, str]:
    muted = f", {check.muted}" if check.muted else ""
    return f"{check.layer}: {check.title}", f"{check.outcome}{muted}", check.message


def _layer(layer: LayerRow) -> tuple[str, str, str, str]:
    return layer.name, layer.id[:12], f"{layer.size / 1e6:.1f}", "cached" if layer.cached else f"{layer.seconds:.1f} s"


def _release(result: RunResult) -> list[str]:
    if result.release is None:
        return []
    kinds = ", ".join(escaped(row.kind) for row in result.release.evidence)
    return [f"**Published** {code(result.release.reference)}\n\nEvidence: {kinds or 'none'}"]


def _table(head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    if not rows:
        return ""
    lines = [head, ("---",) * len(head), *(tuple(escaped(cell, _LONGEST) for cell in row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
