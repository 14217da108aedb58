"""The journal of a checked node: kept, and said when it could not be (operator.md, rows "/var full", "unit fails")."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.app.journals import keep_journal
from imagekit.base.errors import ToolError
from imagekit.base.process import Completed
from imagekit.checks.outcome import Outcome, SuiteResult
from imagekit.report.result import UnitJournal
from tests.unit.report.sample import check

UNIT = replace(
    check(1, outcome=Outcome.FAILED, message="expected nothing, found: sssd.service"), title="No unit failed"
)


class Node:
    """A node that says this of a unit's journal, and hands out this as its own."""

    def __init__(self, said: str = "", journal: bytes | None = b"line\n") -> None:
        self.said, self.journal = said, journal
        self.asked: list[str] = []

    def run(self, command: str, *, timeout: float = 60.0) -> Completed:
        self.asked.append(command)
        return Completed(argv=(command,), returncode=0, stdout=self.said, stderr="")

    def save_journal(self, local: Path) -> None:
        if self.journal is None:
            raise ToolError("cannot read the journal on the node", hint="head: input/output error")
        local.write_bytes(self.journal)


def suites(*checks: object) -> SuiteResult:
    return SuiteResult(suite_hash="a", checks=tuple(checks), seconds=1.0)  # type: ignore[arg-type]  # checks


def test_the_unit_that_a_check_names_is_asked_for(tmp_path: Path) -> None:
    node = Node("[1.0] sssd[1]: typo\n\n[1.1] sssd[1]: \x1b[31mbye\n")
    kept = keep_journal(node, tmp_path / "journal.log", suites(UNIT, UNIT, check(2)))
    assert kept.journals == (UnitJournal(unit="sssd.service", lines=("[1.0] sssd[1]: typo", "[1.1] sssd[1]: bye")),)
    assert kept.notes == ()
    assert len(node.asked) == 1
    assert node.asked[0].endswith("--unit=sssd.service")


def test_a_name_is_no_command(tmp_path: Path) -> None:
    evil = replace(UNIT, message="found: $(reboot);x.service")
    node = Node()
    keep_journal(node, tmp_path / "journal.log", suites(evil))
    assert "reboot" not in node.asked[0]


@pytest.mark.parametrize(
    ("journal", "note"),
    [
        (b"", "the journal that the node handed out is empty (journal.log)"),
        (
            None,
            "the journal could not be kept: cannot read the journal on the node (head: input/output error)",
        ),
    ],
)
def test_a_journal_that_is_not_there_is_said(tmp_path: Path, journal: bytes | None, note: str) -> None:
    (said,) = keep_journal(Node(journal=journal), tmp_path / "journal.log", suites(UNIT)).notes
    assert said == note


def test_a_good_node_hands_its_journal_out(tmp_path: Path) -> None:
    with pytest.raises(ToolError):
        keep_journal(Node(journal=None), tmp_path / "journal.log", suites(check(1)))
