"""The result on one screen of a terminal; when it failed, the first lines say what, where, and how to see it again."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from imagekit.base.text import clean, one_line
from imagekit.checks.outcome import CheckResult, Outcome, SuiteResult
from imagekit.checks.scenario import ScenarioResult
from imagekit.report.cleaned import cleaned
from imagekit.report.result import Failure, RunResult, StageRow, StageStatus, Verdict

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_WORST_SHOWN = 3
_STYLE = {
    StageStatus.DONE: "green",
    StageStatus.REUSED: "cyan",
    StageStatus.FAILED: "bold red",
    StageStatus.MISSING: "dim",
}
_MARK = {StageStatus.DONE: "✓", StageStatus.REUSED: "=", StageStatus.FAILED: "✗", StageStatus.MISSING: "·"}


def render_terminal(result: RunResult, *, width: int = 80, color: bool = False, page: str = "") -> str:
    """The summary as text, at most 23 lines of `width` characters; `page` is where the HTML report lies."""
    import io

    from rich.console import Console

    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=color, no_color=not color, highlight=False, emoji=False)
    show_terminal(result, console, page=page)
    return out.getvalue()


def show_terminal(result: RunResult, console: Console, *, page: str = "") -> None:
    """Print the summary on a rich console."""
    for line in _lines(cleaned(result), page, max(40, console.width)):
        if line.overflow != "ignore":
            line.truncate(console.width, overflow="ellipsis")
        console.print(line, soft_wrap=True)


def _lines(result: RunResult, page: str, width: int) -> list[Text]:
    head = [_headline(result), *_failure(result, width)]
    body = [
        *_stages(result.stages, width),
        *_layers(result),
        *_boot(result),
        *_checks(result.suites, shown=not result.failure),
        *_scenarios(result.scenarios, width),
    ]
    return [*head, *body[: 22 - len(head)], *_foot(result, page)][:23]


def _text(*parts: tuple[str, str] | str) -> Text:
    from rich.text import Text

    pairs = ((part, "") if isinstance(part, str) else part for part in parts)
    return Text.assemble(*((clean(words, 800).replace("\n", " "), style) for words, style in pairs), end="")


def _row(label: str, *parts: tuple[str, str] | str) -> Text:
    return _text((f"{label:<9}", "dim"), *parts)


def _whole(label: str, *parts: tuple[str, str] | str) -> Text:
    """A row that is never cut: it is there to be copied."""
    row = _row(label, *parts)
    row.overflow = "ignore"
    return row


def _headline(result: RunResult) -> Text:
    passed = result.verdict is Verdict.PASSED
    badge = (" PASSED ", "bold white on green") if passed else (" FAILED ", "bold white on red")
    return _text(
        badge, (f" {result.image}", "bold"), (f" {result.version} ", ""), (f"in {_time(result.seconds)}", "dim")
    )


def _failure(result: RunResult, width: int) -> list[Text]:
    failure = result.failure
    if failure is None:
        return []
    lines = [_row("stage", (failure.stage, "bold red")), *_error(failure, width)]
    lines += [_row("check", *_check_words(check)) for check in _worst(result.suites)]
    broken = [scenario for scenario in result.scenarios if not scenario.passed]
    lines += [_row("scenario", *_scenario_words(scenario)) for scenario in broken[:_WORST_SHOWN]]
    if failure.hint:
        lines.append(_row("hint", one_line(failure.hint)))
    return [*lines, *_again(failure)]


def _error(failure: Failure, width: int) -> list[Text]:
    folded = wrap(one_line(failure.error, 4 * width), width - 9, max_lines=2, placeholder=" …") or ["(no words)"]
    return [_row("" if number else "error", line) for number, line in enumerate(folded)]


def _again(failure: Failure) -> list[Text]:
    return [_whole("again", (one_line(failure.again, 400), "bold"))] if failure.again else []


def _worst(suites: SuiteResult | None) -> tuple[CheckResult, ...]:
    return suites.blocking[:_WORST_SHOWN] if suites else ()


def _check_words(check: CheckResult) -> tuple[tuple[str, str], ...]:
    reason = f": {one_line(check.message, 120)}" if check.message else ""
    return ((f"{check.layer} {check.outcome} ", "red"), (one_line(check.title, 90) + reason, ""))


def _stages(stages: tuple[StageRow, ...], width: int) -> list[Text]:
    words = [
        (f"{_MARK[stage.status]} {one_line(stage.name, 20)} {_time(stage.seconds)}  ", _STYLE[stage.status])
        for stage in stages
    ]
    return _side_by_side("stages", words, width)


def _layers(result: RunResult) -> list[Text]:
    built = [layer for layer in result.layers if not layer.cached]
    if not result.layers:
        return []
    words = ", ".join(f"{layer.name} {_time(layer.seconds)}" for layer in built) or "none built, all as before"
    reused = len(result.layers) - len(built)
    return [_row("layers", words, (f"  ({reused} reused)" if reused and built else "", "dim"))]


def _boot(result: RunResult) -> list[Text]:
    boot = result.boot
    if boot is None:
        return []
    times = ", ".join(
        f"{each.road} {_time(each.seconds_to_ssh)} ({each.cpu_seconds:.0f} CPU s)" for each in result.boots or (boot,)
    )
    how = f"{boot.accelerator}, {boot.shape.memory_mib} MiB, {boot.shape.cpus} CPUs"
    return [_row("to SSH", times, (f"  {how}", "dim"))]


def _checks(suites: SuiteResult | None, *, shown: bool) -> list[Text]:
    if suites is None:
        return []
    lines = []
    for layer in dict.fromkeys(check.layer for check in suites.checks):
        members = [check for check in suites.checks if check.layer == layer]
        passed = sum(check.outcome is Outcome.PASSED for check in members)
        style = "red" if any(check.blocks for check in members) else "green"
        lines.append(_row("checks", f"{layer:<12}"[:12] + " ", (f"{passed} of {len(members)} passed", style)))
    warnings = [check for check in suites.checks if not check.required and check.outcome is not Outcome.PASSED]
    lines += [
        _row("warning", one_line(f"{check.title} ({check.ticket}, until {check.expires})")) for check in warnings[:2]
    ]
    return lines if shown or len(lines) <= 6 else lines[:6]


def _scenario_words(scenario: ScenarioResult) -> tuple[tuple[str, str], ...]:
    reason = f": {one_line(scenario.detail, 160)}" if scenario.detail else ""
    return ((f"{scenario.name} {scenario.outcome} ", "red"), (one_line(scenario.promise, 90) + reason, ""))


def _scenarios(scenarios: tuple[ScenarioResult, ...], width: int) -> list[Text]:
    """How many kept their promise, then the names side by side with their times."""
    if not scenarios:
        return []
    passed = sum(scenario.passed for scenario in scenarios)
    boots, spent = sum(scenario.boots for scenario in scenarios), sum(scenario.seconds for scenario in scenarios)
    count = (f"{passed} of {len(scenarios)} scenarios passed", "green" if passed == len(scenarios) else "red")
    words = [
        (
            f"{'✓' if scenario.passed else '✗'} {scenario.name} {_time(scenario.seconds)}  ",
            "" if scenario.passed else "red",
        )
        for scenario in scenarios
    ]
    return [
        _row("lifecycle", " ", count, (f"  {boots} boots in {_time(spent)}", "dim")),
        *_side_by_side("", words, width),
    ]


def _side_by_side(label: str, words: list[tuple[str, str]], width: int) -> list[Text]:
    """Words with their styles, as many to a line as fit."""
    lines: list[Text] = []
    row: list[tuple[str, str]] = []
    for word in words:
        if 9 + sum(len(part[0]) for part in row) + len(word[0]) > width:
            lines.append(_row("" if lines else label, *row))
            row = []
        row.append(word)
    return [*lines, _row("" if lines else label, *row)] if row else lines


def _foot(result: RunResult, page: str) -> list[Text]:
    lines = [_whole("digest", result.digest)] if result.digest else []
    if result.release:
        word = " (was there already)" if result.release.already_there else ""
        lines.append(_whole("pushed", (result.release.reference, "bold"), (word, "dim")))
        lines.append(
            _row("signed", result.release.key_fingerprint, (f"  {len(result.release.evidence)} statements", "dim"))
        )
    lines += [_row("changed", one_line(change)) for change in result.changes[:2]]
    return [*lines, _row("report", page)] if page else lines


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
