"""What came out of a conformance run: a table for people, Markdown for pages, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby

from imagekit.checks.contract.model import MEANING, PHASES, Check, Conformance, ContractPath
from imagekit.checks.outcome import Outcome

_NOT_ASKED = "-"
_WIDTH = 72


def as_text(found: Conformance) -> str:
    """One line for each check, what did not pass with its reason, and a verdict at the end."""
    widths = [max(len(contract_run), len(Outcome.ERRORED)) for contract_run in found.contract_runs]
    head = "  ".join(contract_run.ljust(width) for contract_run, width in zip(found.contract_runs, widths, strict=True))
    lines = [f"{'check':<{_WIDTH}}  {'contract':<26}  {head}"]
    for check in found.checks:
        cells = (cell.ljust(width) for cell, width in zip(_cells(found, check), widths, strict=True))
        lines.append(f"{_cut(check.id):<{_WIDTH}}  {check.section:<26}  {'  '.join(cells)}".rstrip())
    return "\n".join([*lines, "", *_reasons(found), verdict_line(found)]) + "\n"


def as_markdown(found: Conformance) -> str:
    """A table for each file of checks: the promise, how many cases it has, its section and basis, and the outcomes."""
    parts = []
    for name, group in groupby(sorted(found.checks, key=_file), key=_file):
        head = ["check", "promise", "cases", "contract", "basis", *found.contract_runs]
        cases = {short: list(each) for short, each in groupby(group, key=lambda check: check.id.partition("[")[0])}
        rows = [_row(found, short, each) for short, each in cases.items()]
        parts.append(f"### {name}\n\n{_table(head, rows)}")
    return "\n".join([*parts, verdict_line(found), ""])


def as_json(found: Conformance) -> str:
    """Everything, details included."""
    document = {
        "subject": found.subject,
        "passed": found.passed,
        "runs": list(found.contract_runs),
        "checks": [
            asdict(check)
            | {
                "verdicts": {
                    contract_run: asdict(one) for contract_run, one in found.verdicts.get(check.id, {}).items()
                }
            }
            for check in found.checks
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def verdict_line(found: Conformance) -> str:
    """How many checks, and how their verdicts are."""
    counts = ", ".join(f"{found.count(outcome)} {outcome}" for outcome in Outcome if found.count(outcome))
    word = "conforms" if found.passed else "does NOT conform"
    return f"{found.subject} {word}: {len(found.checks)} checks on {', '.join(found.contract_runs)}; {counts}."


def boot_paths_page() -> str:
    """Which phases each boot path comes to, for the page about conformance."""
    rows = [[boot_path, ", ".join(f"`{phase}`" for phase in PHASES[boot_path])] for boot_path in ContractPath]
    meanings = [[f"`{phase}`", meaning] for phase, meaning in MEANING.items()]
    return _table(["boot path", "phases"], rows) + "\n" + _table(["phase", "when facts are taken"], meanings)


def _file(check: Check) -> str:
    return check.id.partition("/")[0]


def _row(found: Conformance, short: str, cases: Sequence[Check]) -> list[str]:
    first = cases[0]
    title = first.title.partition(" [")[0] if len(cases) > 1 else first.title
    cells = (_together(column) for column in zip(*(_cells(found, check) for check in cases), strict=True))
    return [f"`{short}`", title, str(len(cases)), first.section, first.basis, *cells]


def _together(cells: Sequence[str]) -> str:
    """One word when all cases agree, else how many passed."""
    passed = cells.count(Outcome.PASSED)
    return cells[0] if len(set(cells)) == 1 else f"{passed} of {len(cells)} passed"


def _cells(found: Conformance, check: Check) -> list[str]:
    verdicts = found.verdicts.get(check.id, {})
    return [
        str(verdicts[contract_run].outcome) if contract_run in verdicts else _NOT_ASKED
        for contract_run in found.contract_runs
    ]


def _reasons(found: Conformance) -> list[str]:
    lines = []
    for check in found.checks:
        for contract_run, one in found.failed(check).items():
            lines += [
                f"{one.outcome} {check.id} on {contract_run}",
                f"  promise: {check.title}",
                f"  found:   {one.message}",
            ]
    return [*lines, ""] if lines else []


def _cut(name: str) -> str:
    return name if len(name) <= _WIDTH else name[: _WIDTH - 1] + "…"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"
