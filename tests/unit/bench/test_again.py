"""A failed publish, a changed check and suites on a fork: when their numbers are numbers."""

from __future__ import annotations

import logging
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.app.watching import Watch
from imagekit.base.errors import ImagekitError, ToolError
from imagekit.bench import enterprise, recheck, republish, suites
from imagekit.bench.change import boots_and_checks
from imagekit.bench.clone import Ran
from imagekit.bench.model import Met
from imagekit.checks.outcome import SuiteResult
from imagekit.checks.selection import Selection
from imagekit.machine.interface import Start
from imagekit.machine.ports import reserved_port
from imagekit.registry.client import Registry
from imagekit.report.result import Failure, RunResult, StageRow, StageStatus, Verdict
from tests.unit.report import sample


def ran(seconds: float, result: RunResult) -> Ran:
    return Ran(seconds=seconds, silence=1.0, result=result)


def failed_publish() -> RunResult:
    return failed(Failure(stage="publish", error="port taken"))


def failed(failure: Failure) -> RunResult:
    return replace(sample.good(), verdict=Verdict.FAILED, release=None, failure=failure)


def reused(status: StageStatus = StageStatus.REUSED) -> RunResult:
    stages = (StageRow(name="boot direct", status=status, seconds=0.0),)
    return replace(sample.good(), stages=stages)


def test_publishing_what_passed_is_held_against_the_run_that_failed() -> None:
    again, machines = republish.rows_of(ran(100.0, failed_publish()), ran(3.0, reused()))
    assert (again.ratio, again.met, again.note) == (0.03, Met.YES, "the first one: port taken")
    assert (machines.measured, machines.met) == (0, Met.YES)
    slow, started = republish.rows_of(ran(100.0, failed_publish()), ran(3.1, reused(StageStatus.DONE)))
    assert slow.met is Met.NO
    assert started.met is Met.NO


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (sample.good(), reused(), "it did not fail"),
        (failed(Failure(stage="build", error="no")), reused(), "at publish: build"),
        (failed_publish(), replace(reused(), release=None), "did not publish"),
        (replace(failed_publish(), digest="sha256:" + "0" * 64), reused(), "did not publish"),
    ],
)
def test_other_runs_are_no_measurement(first: RunResult, second: RunResult, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        republish.rows_of(ran(100.0, first), ran(3.0, second))


def test_no_registry_answers_at_a_port_that_is_taken() -> None:
    with reserved_port() as port:
        address = f"127.0.0.1:{port}"
    with republish.Squatter(address) as squatter:
        squatter.heard("▸ Build of debian-node")
        assert not squatter.there
        for _ in range(2):
            squatter.heard("▸ Proof that all that was declared is in the artifact")
        with Registry(address) as client, pytest.raises(ImagekitError, match=address):
            client.ping()
    with socket.create_server(("127.0.0.1", port)):
        pass  # it is free again


def editor(tmp_path: Path, rounds: int) -> recheck.Editor:
    file = tmp_path / "test_root.py"
    file.write_text("\n")
    return recheck.Editor(file, ["touch", tmp_path / "ended"], rounds=rounds)


def test_who_waits_for_a_machine_that_does_not_come_up_is_told_why(tmp_path: Path) -> None:
    """On a full disk the benchmark waited for a verdict until its limit of two hours."""
    made = editor(tmp_path, rounds=2)
    made.heard("because  disk: 4.8 GiB free at /project (needed: 6 GiB)")
    made.heard("hint     `imagekit clean --cache`")
    with pytest.raises(ToolError, match=r"no machine came up .*: disk: 4\.8 GiB free"):
        made.heard("Watching: once more as soon as a file changes. Ctrl-C ends it.")
    assert made.file.read_text() == "\n"


def watched(root: Path, caplog: pytest.LogCaptureFixture) -> str:
    """What `imagekit test --watch` says of a selection that was run again."""

    def check(selection: Selection) -> SuiteResult:
        suite = sample.good().suites
        assert suite is not None
        return replace(suite, selection=selection.said)

    watch = Watch(root=root, layers=("base",), boot_path="direct", check=check, same=lambda: True, seen={})
    with caplog.at_level(logging.INFO):
        watch._run(Selection(expression="test_root.py", suites=("base",)))
    return caplog.messages[-1]


def test_each_change_is_made_when_the_one_before_has_its_verdict(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = editor(tmp_path, rounds=2)
    verdict = watched(tmp_path, caplog)
    made.heard(verdict)  # of its first run: nothing was changed yet
    assert (made.seconds, made.file.read_text()) == ([], "\n")
    made.heard("5 passed. Watching /project: a changed check is run on this machine")
    made.heard("5 passed. Watching /project: said twice")
    assert made.file.read_text() == "\n# changed\n"
    made.heard("  ... something else")
    made.heard(verdict)
    assert made.file.read_text() == "\n# changed\n# changed\n"
    assert not (tmp_path / "ended").exists()
    made.heard(verdict)
    assert (tmp_path / "ended").exists()
    assert len(made.seconds) == 2
    assert recheck.row_of(made).met is Met.YES


def test_a_change_without_a_verdict_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"0 of 2 changes of test_root\.py"):
        recheck.row_of(editor(tmp_path, rounds=2))


def started(start: Start) -> RunResult:
    good = sample.good()
    assert good.boot is not None
    return replace(good, boots=(replace(good.boot, start=start, reason="why"),))


def test_suites_on_a_fork_are_held_against_all_the_boots() -> None:
    cold = {name: ran(100.0, started(Start.COLD)) for name in ("base", "sssd")}
    row, *each = suites.rows_of(cold, ran(70.0, started(Start.FORK)))
    assert (row.ratio, row.met) == (0.35, Met.YES)
    assert [other.name for other in each] == ["suite base, cold", "suite sssd, cold"]
    with pytest.raises(ToolError, match="was to be of the kind fork: why"):
        suites.rows_of(cold, ran(70.0, started(Start.COLD)))
    with pytest.raises(ToolError, match="no machine was started"):
        suites.rows_of({"base": ran(1.0, replace(sample.good(), boots=()))}, ran(70.0, started(Start.FORK)))


def test_suites_with_servers_are_held_against_the_longest() -> None:
    alone = {"ad": ran(100.0, sample.good()), "ca": ran(50.0, sample.good())}
    row, *each = enterprise.rows_of(alone, ran(160.0, sample.good()))
    assert (row.against, row.ratio, row.met) == ("the longest, ad", 1.6, Met.NO)
    assert [other.measured for other in each] == [100.0, 50.0]


def test_boot_paths_side_by_side_count_as_long_as_the_longest() -> None:
    stages = [("build", 9.0), ("boot direct", 20.0), ("checks direct", 5.0), ("boot live", 30.0)]
    rows = tuple(StageRow(name=name, status=StageStatus.DONE, seconds=seconds) for name, seconds in stages)
    assert boots_and_checks(rows, 64.0) == 55.0
    assert boots_and_checks(rows, 40.0) == 30.0
    assert boots_and_checks(rows[:1], 9.0) == 0.0
