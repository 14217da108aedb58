"""Keep the journal of a node that was checked, and what it says of the units that failed checks named."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from imagekit.base.errors import ImagekitError
from imagekit.base.process import Completed
from imagekit.base.text import one_line
from imagekit.checks.outcome import SuiteResult
from imagekit.report.card import unit_of
from imagekit.report.result import UnitJournal

_UNITS = 5
_LINES = 12
_LONGEST = 500


class _Node(Protocol):
    def run(self, command: str, *, timeout: float = 60.0) -> Completed: ...

    def save_journal(self, local: Path) -> None: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """The last lines of units, and what could not be kept, in words."""

    journals: tuple[UnitJournal, ...] = ()
    notes: tuple[str, ...] = ()


def keep_journal(machine: _Node, file: Path, suites: SuiteResult) -> Kept:
    """Keep the whole journal as a file; one that is empty, or that a failing node did not hand out, is said.

    Raises what `save_journal` raises when every check passed: a good node hands its journal out.
    """
    journals = tuple(_journals(machine, suites))
    try:
        machine.save_journal(file)
    except ImagekitError as error:
        if suites.passed:
            raise
        why = f"{error} ({error.hint})" if error.hint else str(error)
        return Kept(journals, (f"the journal could not be kept: {one_line(why, _LONGEST)}",))
    empty = not file.exists() or not file.stat().st_size
    return Kept(journals, (f"the journal that the node handed out is empty ({file.name})",) if empty else ())


def _journals(machine: _Node, suites: SuiteResult) -> Iterable[UnitJournal]:
    units = dict.fromkeys(unit for check in suites.blocking if (unit := unit_of(check)))
    for unit in list(units)[:_UNITS]:
        command = f"journalctl -b -q --no-pager -o short-monotonic -n {_LINES} --unit={shlex.quote(unit)}"
        try:
            said = machine.run(command).stdout
        except ImagekitError:
            continue  # a node that does not answer any more is told by its checks and its console
        if lines := tuple(one_line(line, _LONGEST) for line in said.splitlines() if line.strip()):
            yield UnitJournal(unit=unit, lines=lines)
