"""The result on one screen of a terminal; when it failed, the failure card stands first and whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagekit.base.text import clean, one_line
from imagekit.checks.hardening.score import control_of, scores
from imagekit.checks.outcome import CheckResult, Outcome, SuiteResult
from imagekit.checks.scap.model import rule_of
from imagekit.checks.scenario import ScenarioResult
from imagekit.machine.interface import Start
from imagekit.report.card import INTERRUPTED, TO_COPY, card_of, card_rows, telling_lines, word_of
from imagekit.report.cleaned import cleaned
from imagekit.report.result import RunResult, StageRow, StageStatus

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_LABEL = 9  # a digest fits behind it on 80 columns
_SCREEN = 23
_OVERVIEW = 3
_JOURNAL = 3
_OTHERS = 2
_HINT = 5
_CHANGED = 3
_CAUTIONS = 5
_CONTROLS = 2
_EMPHASIS = {
    "stage": "bold red",
    "failed": "bold red",
    "stopped": "bold yellow",
    "because": "red",
    "also": "red",
    "again": "bold",
    "note": "yellow",
}
_STYLE = {
    StageStatus.DONE: "green",
    StageStatus.REUSED: "cyan",
    StageStatus.FAILED: "bold red",
    StageStatus.MISSING: "dim",
}
_MARK = {StageStatus.DONE: "✓", StageStatus.REUSED: "=", StageStatus.FAILED: "✗", StageStatus.MISSING: "·"}


def render_terminal(result: RunResult, *, width: int = 80, color: bool = False, page: str = "") -> str:
    """The summary as text of `width` characters a line; `page` is where the HTML report lies.

    Nothing that names a fault is cut, and what is there to be copied is not even folded: a screen of 23 lines is
    what the overview is fitted to.
    """
    import io

    from rich.console import Console

    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=color, no_color=not color, highlight=False, emoji=False)
    show_terminal(result, console, page=page)
    return out.getvalue()


def render_card(result: RunResult, *, width: int = 80, color: bool = False) -> str:
    """The headline, the failure card and what only warns, without the overview."""
    import io

    from rich.console import Console

    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=color, no_color=not color, highlight=False, emoji=False)
    result = cleaned(result)
    for line in _folded([_headline(result), *_card(result), *_cautions(result)], console, max(40, width)):
        console.print(line, soft_wrap=True)
    return out.getvalue()


def show_terminal(result: RunResult, console: Console, *, page: str = "") -> None:
    """Print the summary on a rich console."""
    result, width = cleaned(result), max(40, console.width)
    head = _folded([_headline(result), *_card(result), *_cautions(result)], console, width)
    foot = _folded(_foot(result, page), console, width)
    body = _folded([*_stages(result.stages, width), *_details(result, width)], console, width)
    # On a screen the card and the foot stand whole; what is left is for the overview.
    for line in [*head, *body[: max(_OVERVIEW, _SCREEN - len(head) - len(foot))], *foot]:
        console.print(line, soft_wrap=True)


def _details(result: RunResult, width: int) -> list[Row]:
    return [
        *_layers(result),
        *_boot(result),
        *_checks(result.suites),
        *_scenarios(result.scenarios, width),
    ]


@dataclass(frozen=True, slots=True)
class Row:
    """A label and words; `whole` rows are not folded, for they are there to be copied."""

    label: str
    words: Text
    whole: bool = False
    style: str = "dim"


def _folded(rows: list[Row], console: Console, width: int) -> list[Text]:
    """Rows as lines: folded below their own beginning, never cut."""
    lines: list[Text] = []
    for row in rows:
        parts = [row.words] if row.whole else list(row.words.wrap(console, width - _LABEL)) or [row.words]
        for number, part in enumerate(parts):
            part.rstrip()
            label = "" if number else row.label
            lines.append(
                _text(("" if row.whole and not row.label else f"{label:<{_LABEL}}", row.style)).append_text(part)
            )
    return lines


def _text(*parts: tuple[str, str] | str) -> Text:
    from rich.text import Text

    pairs = ((part, "") if isinstance(part, str) else part for part in parts)
    return Text.assemble(*((clean(words).replace("\n", " "), style) for words, style in pairs), end="")


def _row(label: str, *parts: tuple[str, str] | str) -> Row:
    return Row(label, _text(*parts))


def _whole(label: str, *parts: tuple[str, str] | str) -> Row:
    """A row that is never folded: it is there to be copied."""
    return Row(label, _text(*parts), whole=True)


def _headline(result: RunResult) -> Row:
    word = word_of(result)
    colour = {"passed": "green", INTERRUPTED: "yellow", "partial": "yellow", "built": "yellow"}.get(word, "red")
    return _whole(
        "",
        (f" {word.upper()} ", f"bold white on {colour}"),
        (f" {result.image}", "bold"),
        (f" {result.version} ", ""),
        (f"in {_time(result.seconds)}", "dim"),
    )


def _card(result: RunResult) -> list[Row]:
    """The failure card in the words of every view; of a unit's journal the lines that tell most."""
    card = card_of(result)
    if card is None:
        return [_row("note", (note, "yellow")) for note in result.notes]
    rows = _limited(card_rows(card, others=_OTHERS), "changed", _CHANGED)
    if card.stage != "needs":  # there the hint is the commands that get what is lacking, and all of them are needed
        rows = _limited(rows, "hint", _HINT)
    telling = telling_lines([text for label, text in rows if label == "journal"], _JOURNAL)
    kept: list[Row] = []
    for before, (label, text) in zip(("", *(label for label, _ in rows)), rows, strict=False):
        if label == "journal" and text not in telling:
            continue
        shown = "" if before == label and kept and label == "hint" else label
        kept.append(Row(shown, _text((text, _EMPHASIS.get(label, ""))), whole=label in TO_COPY))
    return kept


def _limited(rows: tuple[tuple[str, str], ...], label: str, most: int) -> tuple[tuple[str, str], ...]:
    """Rows with so many of one label, and how many more there are: the card has to stand on one screen."""
    of_label = [row for row in rows if row[0] == label]
    if len(of_label) <= most:
        return rows
    more = (label, f"and {len(of_label) - most + 1} more lines, which the report has")
    last = rows.index(of_label[-1])
    return tuple(
        more if number == last else row
        for number, row in enumerate(rows)
        if row[0] != label or number == last or row in of_label[: most - 1]
    )


def _cautions(result: RunResult) -> list[Row]:
    """What did not pass and only warns, on a good result too, and what was left out."""
    warnings = result.suites.cautions if result.suites else ()
    # Under a failure they would push its card off the screen; mutes in force are shown all the same.
    named = warnings if card_of(result) is None or len(warnings) == 1 else [each for each in warnings if each.muted_by]
    most = max(_CAUTIONS, sum(bool(each.muted_by) for each in warnings))
    told = (("trial", result.beside), ("selected", result.selected))
    rows = [_row(label, (text, "yellow")) for label, text in told if text]
    controls = [each for each in named if not each.muted_by and _waivable(each)]
    if len(controls) <= _CONTROLS:
        controls = []
    rest = [each for each in named if each not in controls]
    rows += [_row("warning", (check.caution, "yellow")) for check in rest[:most]]
    more = len(warnings) - len(controls) - min(len(rest), most)
    said = f"and {more} more, see the report" if named else f"{more} checks only warn, see the report"
    rows += [_row("warning", (said, "yellow"))] if more > 0 else []
    rows += [_row("warning", (scenario.caution, "yellow")) for scenario in result.limits]
    # Each is waived by its name, and no news: a screen of them hides what is.
    return [*rows, _row("warning", (_waived(controls), "yellow"))] if controls else rows


def _waived(controls: list[CheckResult]) -> str:
    ids = sorted({_waivable(each) for each in controls})
    first = min(each.expires for each in controls)
    what = "rules of SCAP content" if all(map(rule_of, (each.id for each in controls))) else "hardening controls"
    return f"{len(ids)} {what} only warn, the first until {first}, see the report: {', '.join(ids)}"


def _waivable(check: CheckResult) -> str:
    """The hardening control, or the rule of SCAP content, that a check is about; empty for any other."""
    return control_of(check.id) or rule_of(check.id)


def _stages(stages: tuple[StageRow, ...], width: int) -> list[Row]:
    words = [
        (f"{_MARK[stage.status]} {one_line(stage.name, 20)}{_took(stage)}  ", _STYLE[stage.status]) for stage in stages
    ]
    return _side_by_side("stages", words, width)


def _took(stage: StageRow) -> str:
    """The time of a stage; one that was never come to took none."""
    return "" if stage.status is StageStatus.MISSING else f" {_time(stage.seconds)}"


def _layers(result: RunResult) -> list[Row]:
    built = [layer for layer in result.layers if not layer.cached]
    if not result.layers:
        return []
    words = ", ".join(f"{layer.name} {_time(layer.seconds)}" for layer in built) or "none built, all as before"
    reused = len(result.layers) - len(built)
    sizes = ", ".join(f"{layer.name} {layer.size / 1e6:.1f} MB" for layer in result.layers if layer.size)
    return [
        _row("layers", words, (f"  ({reused} reused)" if reused and built else "", "dim")),
        *([_row("sizes", sizes)] if sizes else []),
    ]


def _boot(result: RunResult) -> list[Row]:
    boot = result.boot
    if boot is None:
        return []
    times = ", ".join(
        f"{each.boot_path} {_time(each.seconds_to_ssh)} ({each.start}, {each.cpu_seconds:.0f} CPU s)"
        for each in result.boots or (boot,)
    )
    how = f"{boot.accelerator}, {boot.shape.firmware}, {boot.shape.memory_mib} MiB, {boot.shape.cpus} CPUs"
    return [_row("to SSH", times, (f"  {how}", "dim"))]


def _checks(suites: SuiteResult | None) -> list[Row]:
    if suites is None:
        return []
    lines = []
    for layer in dict.fromkeys(check.layer for check in suites.checks):
        members = [check for check in suites.checks if check.layer == layer]
        passed = sum(check.outcome is Outcome.PASSED for check in members)
        style = "red" if any(check.blocks for check in members) else "green" if passed == len(members) else "yellow"
        lines.append(_row("checks", f"{layer:<12} ", (f"{passed} of {len(members)} passed", style)))
    found = scores((check.id, check.outcome) for check in suites.checks)
    lines += [_row("hardened", f"{each.profile:<12} ", (each.short, "")) for each in found]
    return lines + [
        _row("scanned", f"{each.suite:<12} ", (f"{each.short}; {each.content}", "")) for each in suites.scans
    ]


def _scenarios(scenarios: tuple[ScenarioResult, ...], width: int) -> list[Row]:
    """How many kept their promise, then the names side by side with their times."""
    if not scenarios:
        return []
    passed, broken = sum(scenario.passed for scenario in scenarios), any(scenario.blocks for scenario in scenarios)
    boots, spent = sum(scenario.boots for scenario in scenarios), sum(scenario.seconds for scenario in scenarios)
    style = "red" if broken else "green" if passed == len(scenarios) else "yellow"
    count = (f"{passed} of {len(scenarios)} scenarios passed", style)
    words = [_scenario(scenario) for scenario in scenarios]
    return [
        _row("lifecycle", " ", count, (f"  {boots} boots in {_time(spent)}{_from_forks(scenarios)}", "dim")),
        *_side_by_side("", words, width),
    ]


def _scenario(scenario: ScenarioResult) -> tuple[str, str]:
    mark, style = ("✓", "") if scenario.passed else ("✗", "red") if scenario.blocks else ("!", "yellow")
    return f"{mark} {scenario.name} {_time(scenario.seconds)}  ", style


def _from_forks(scenarios: tuple[ScenarioResult, ...]) -> str:
    number = sum(scenario.start is Start.FORK for scenario in scenarios)
    return f", {number} scenarios from a fork" if number else ""


def _side_by_side(label: str, words: list[tuple[str, str]], width: int) -> list[Row]:
    """Words with their styles, as many to a line as fit."""
    lines: list[Row] = []
    row: list[tuple[str, str]] = []
    for word in words:
        if row and _LABEL + sum(len(part[0]) for part in row) + len(word[0]) > width:
            lines.append(_row("" if lines else label, *row))
            row = []
        row.append(word)
    return [*lines, _row("" if lines else label, *row)] if row else lines


def _foot(result: RunResult, page: str) -> list[Row]:
    lines = [_whole("digest", result.digest)] if result.digest else []
    if result.release:
        word = " (was there already)" if result.release.already_there else ""
        lines.append(_whole("pushed", (result.release.reference, "bold"), (word, "dim")))
        lines.append(
            _row("signed", result.release.key_fingerprint, (f"  {len(result.release.evidence)} statements", "dim"))
        )
    if result.failure is None:
        lines += [_row("changed", change) for change in result.changes]
    return [*lines, _whole("report", page)] if page else lines


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
