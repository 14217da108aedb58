"""The failure card: what failed, reported in the same words by every view. Made from the result alone (pure)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from imagekit.checks.outcome import CheckResult, Outcome
from imagekit.checks.scenario import ScenarioResult
from imagekit.report.hints import hint_of
from imagekit.report.named import places_in, telling, unit_in
from imagekit.report.result import Failure, RunResult, Verdict
from imagekit.report.stagepage import page_of_stage

INTERRUPTED = "interrupted"
CHECKS_FOLDER = "vm-harness/checks"
_CONSOLE = 5  # lines of a machine that did not come up
# Of a layer that changed for another's sake, which is in the list of layers already.
_FOLLOWS = re.compile(r"(?:;|(?<=:)) [\w, -]+ below it changed$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that did not pass. `said` is the telling line, whole; empty texts are not known.

    `places` are ``file:line`` of the check and of what it is about, `page` the runbook's, `again` shows this one alone,
    `log` is where more stands, `journal` the last lines of the unit, `console` those of the machine, and `explain` is
    what `imagekit explain` knows it by.
    """

    what: str
    said: str
    layer: str = ""
    brought: str = ""
    unit: str = ""
    places: tuple[str, ...] = ()
    page: str = ""
    again: str = ""
    log: str = ""
    journal: tuple[str, ...] = ()
    console: tuple[str, ...] = ()
    explain: str = ""
    label: str = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Why a run did not pass: the stage, the faults with the one to look at first in front, what to do, what changed.

    `hint` may have several lines, `notes` say what could not be kept.
    """

    word: str
    stage: str
    faults: tuple[Fault, ...]
    hint: str = ""
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def first(self) -> Fault:
        """The fault to look at first."""
        return self.faults[0]

    @property
    def others(self) -> tuple[Fault, ...]:
        """The other faults."""
        return self.faults[1:]


def word_of(result: RunResult) -> str:
    """The verdict in one word: passed, failed, or interrupted by whoever started the run."""
    stopped = result.failure is not None and result.failure.error == INTERRUPTED
    return INTERRUPTED if stopped else str(result.verdict)


def card_of(result: RunResult) -> Card | None:
    """The card of a run; None for one in which nothing failed."""
    if result.verdict is not Verdict.FAILED:
        return None
    failure = result.failure or Failure(stage="run", error="nothing was tested", again=result.command)
    blocking = result.suites.blocking if result.suites else ()
    broken = [each for each in result.scenarios if each.blocks]
    checks = [_of_check(each, result, failure) for each in blocking]
    scenarios = [
        _of_scenario(each, result) for each in sorted(broken, key=lambda each: each.outcome is Outcome.MISSING)
    ]
    # Of both kinds one is seen on a small screen.
    faults = [*checks[:1], *scenarios[:1], *checks[1:], *scenarios[1:]]
    # A stage that was stopped, or broke off before its scenarios were run, is the fault itself.
    broke_off = any(each.outcome is Outcome.MISSING for each in broken)
    if not faults or broke_off or failure.error == INTERRUPTED:
        faults.insert(0, _of_stage(failure, result))
    if result.declared:
        faults[0] = _declared(faults[0], result)
    repeats = any(each.title in failure.hint for each in blocking[:1]) or any(
        failure.hint.startswith(f"{each.name}:") for each in broken[:1]
    )
    return Card(
        word=word_of(result),
        stage=failure.stage,
        faults=tuple(faults),
        hint=hint_of("" if repeats else failure.hint, faults[0].what, faults[0].said, faults[0].again),
        changes=_changes(result, faults[0].layer),
        notes=result.notes,
    )


def _changes(result: RunResult, layer: str) -> tuple[str, ...]:
    """What changed, without layers that only follow; after the line of the run that of the layer at fault."""
    lines = [re.sub(_FOLLOWS, "", line) for line in result.changes]
    told = [line for line in lines if not line.endswith(":")]
    return (*told[:1], *sorted(told[1:], key=lambda line: not (layer and line.startswith(f"{layer}: "))))


def _declared(fault: Fault, result: RunResult) -> Fault:
    """A fault with the place of what it is about: the layer that has it brought it, whose check it was or not."""
    places = tuple(dict.fromkeys((*fault.places, result.declared)))
    layer = re.match(r"images/([^/]+)/", result.declared)
    brought = _brought(layer[1], result) if layer and layer[1] != fault.layer else fault.brought
    if result.declared.startswith("cloud-config/"):
        brought = ""  # no layer did
    return replace(fault, places=places, brought=brought)


def _of_stage(failure: Failure, result: RunResult) -> Fault:
    """A stage that broke: its error's first line is the sentence, and its output's most telling line comes first."""
    if failure.error == INTERRUPTED:
        what = f"the run was stopped during the stage {failure.stage}; nothing is known about what was left"
        return Fault(what=what, said="", again=failure.again, label="stopped")
    what, _, rest = (failure.error.strip() or "no reason was given").partition("\n")
    text = f"{failure.error}\n{failure.hint}"
    boots = failure.stage.startswith("boot")
    found = "" if boots else telling(rest, failure.hint) or (_listed(rest) if what.endswith(":") else "")
    layer = _layer(what)
    return Fault(
        what=what.removesuffix("; the console's last lines:").removesuffix(":"),
        said="" if found in what else found,
        layer=layer,
        brought=_brought(layer, result),
        unit=unit_in(text),
        places=places_in(text),
        page=page_of_stage(failure.stage, what if boots else f"{what}\n{found}\n{failure.hint}"),
        again=_again(failure, result),
        log=_console(failure.stage, result),
        # A machine's last lines are no reasons: whichever of them sounds like one may be harmless.
        console=tuple(line.strip() for line in rest.splitlines() if line.strip())[-_CONSOLE:] if boots else (),
    )


def _listed(rest: str) -> str:
    """What a sentence that ends with a colon lists below it, in one line."""
    return "; ".join(line.strip() for line in rest.splitlines() if line.strip())


def _again(failure: Failure, result: RunResult) -> str:
    """The shortest command that comes to the same place: a build, a boot without checks, or the run."""
    name, _, boot_path = failure.stage.partition(" ")
    if name in ("build", "proof"):
        return f"imagekit build {shlex.quote(result.image)}"
    if name == "boot" and boot_path:
        return f"imagekit shell {shlex.quote(result.image)} --boot {boot_path} -- true"
    return failure.again or result.command


def _console(stage: str, result: RunResult) -> str:
    name, _, boot_path = stage.partition(" ")
    return f"imagekit console {result.run_id} --boot {boot_path}" if name == "boot" and boot_path else ""


def _of_check(check: CheckResult, result: RunResult, failure: Failure) -> Fault:
    boot_path, name = _boot_path_and_id(check)
    unit = unit_of(check)
    journal = next((each.lines for each in result.journals if each.unit == unit), ())
    return Fault(
        what=f"{check.layer} {check.outcome}: {check.title}",
        said=check.message or _ended(check.outcome),
        layer=check.layer,
        brought=_brought(check.layer, result),
        unit=unit,
        places=tuple(dict.fromkeys((_line_of(name, check.details), *places_in(check.message)))),
        page=f"docs/runbook/{check.runbook}.md" if check.runbook else "",
        again=_look(result.image, boot_path, unit)
        if unit
        else _check_alone(check, result) or failure.again or result.command,
        log=f".imagekit/runs/{result.run_id}/{boot_path}/journal.log" if boot_path else "",
        journal=journal,
        explain=name,
    )


def _check_alone(check: CheckResult, result: RunResult) -> str:
    """The command that runs this check alone, on a fork where one is saved; empty where it is not that short."""
    boot_path, name = _boot_path_and_id(check)
    words = name.rpartition("::")[2]
    # A machine of another firmware, or one in the network of a suite, needs what the run was asked for.
    ordinary = check.layer in {row.name for row in result.layers} and not re.search(
        r"--(firmware|suite)", result.command
    )
    if not boot_path or not ordinary or not words:
        return ""
    # What -k reads as a name: https://docs.pytest.org/en/stable/reference/reference.html#command-line-flags
    expression = words if re.fullmatch(r"[\w:+\-.\[\]\\/]+", words) else words.partition("[")[0]
    return f"imagekit test {shlex.quote(result.image)} --boot {boot_path} -k {shlex.quote(expression)}"


def unit_of(check: CheckResult) -> str:
    """The first unit that a check names in its message, title or id; empty when it names none."""
    return unit_in(f"{check.message} {check.title} {check.id}")


def _boot_path_and_id(check: CheckResult) -> tuple[str, str]:
    """The boot path, if any, and the id without it: ``live:base/test_ssh.py::test_keys``."""
    boot_path, colon, name = check.id.partition(":")
    return (boot_path, name) if colon and not name.startswith(":") else ("", check.id)


def _of_scenario(scenario: ScenarioResult, result: RunResult) -> Fault:
    said, _, _ = scenario.detail.strip().partition("\n")
    return Fault(
        what=f"scenario {scenario.name} {scenario.outcome}: {scenario.promise}",
        said=said or _ended(scenario.outcome),
        unit=unit_in(scenario.detail),
        places=places_in(scenario.detail),
        page="docs/runbook/lifecycle.md",
        again=f"imagekit test {shlex.quote(result.image)} --scenario {shlex.quote(scenario.name)}",
        explain=scenario.name,
    )


def _ended(outcome: Outcome) -> str:
    return {
        Outcome.MISSING: "it was never run",
        Outcome.SKIPPED: "it was skipped, which is not passed",
    }.get(outcome, "no reason was given")


def _look(image: str, boot_path: str, unit: str) -> str:
    """A look at one unit on a fresh node of the same boot path."""
    way = f" --boot {boot_path}" if boot_path and boot_path != "direct" else ""
    return f"imagekit shell {shlex.quote(image)}{way} -- systemctl status {shlex.quote(unit)}"


def _line_of(name: str, details: str) -> str:
    """Where in its file a check gave up: the last line of that file in its traceback."""
    file = name.partition("::")[0]
    lines = re.findall(rf"(?m)^(?:\S*/)?{re.escape(file.rpartition('/')[2])}:(\d+):", details)
    return f"{CHECKS_FOLDER}/{file}:{lines[-1]}" if lines else f"{CHECKS_FOLDER}/{file}" if file else ""


def _layer(text: str) -> str:
    """The layer that an error names (``layer 'sssd' did not build``, ``...: sssd: package x``)."""
    found = re.search(r"\blayer '?([\w-]+)", text) or re.search(r": ([\w-]+): (?:\w+ ){1,3}\S+$", text)
    return found[1] if found else ""


def _brought(layer: str, result: RunResult) -> str:
    """Which layer, from where, and whether it is new in this run."""
    row = next((row for row in result.layers if row.name == layer), None)
    if row is None:
        return f"layer {layer}, images/{layer}" if layer else ""
    return f"layer {layer}, images/{layer}, {'as built before' if row.cached else 'built in this run'}"


# Rows that are there to be copied: paths and commands. No view folds or cuts them.
TO_COPY = frozenset({"at", "runbook", "log", "again"})
_SYSTEMD = re.compile(r" systemd\[1\]: ")
_OTHERS = 5
_HINT_LINES = 30

Row = tuple[str, str]


def fault_rows(fault: Fault) -> tuple[Row, ...]:
    """One fault as rows of a label and a text, in the order to read them; what is not known has no row."""
    rows = [(fault.label, fault.what), ("because", fault.said)]
    rows += [("journal", line) for line in fault.journal]
    rows += [("console", line) for line in fault.console]
    rows += [("at", place) for place in fault.places]
    rows += [("layer", fault.brought.removeprefix("layer "))]
    rows += [("runbook", fault.page), ("log", fault.log), ("again", fault.again)]
    return tuple((label, text) for label, text in rows if text)


def card_rows(card: Card, *, others: int = _OTHERS) -> tuple[Row, ...]:
    """The card as rows: the first fault in full, so many others in a row each, then what to do and what changed."""
    rows = [("stage", card.stage), *fault_rows(card.first)]
    rows += [("also", f"{fault.what}: {fault.said}" if fault.said else fault.what) for fault in card.others[:others]]
    if len(card.others) > others:
        rows.append(("also", f"and {len(card.others) - others} more, which the report lists"))
    lines = [line for line in card.hint.splitlines() if line.strip()]
    rows += [("hint", line) for line in lines[:_HINT_LINES]]
    if len(lines) > _HINT_LINES:
        rows.append(("hint", f"and {len(lines) - _HINT_LINES} more lines in result.json"))
    rows += [("note", note) for note in card.notes]
    rows += [("changed", change) for change in card.changes]
    return tuple(rows)


def telling_lines(lines: Sequence[str], most: int) -> tuple[str, ...]:
    """So many lines of a unit's journal, in their order: the last that its programs wrote, then those of systemd.

    A program says why it ended; systemd, whose lines come last, only that it did.
    """
    own = [line for line in lines if not _SYSTEMD.search(line)]
    chosen = [*own[::-1], *(line for line in lines[::-1] if _SYSTEMD.search(line))][:most]
    return tuple(line for line in lines if line in chosen)


def card_text(fault: Fault) -> str:
    """One fault as plain text, a row a line; for views without a form of their own."""
    return "\n".join(f"{label}: {text}" for label, text in fault_rows(fault))
