"""The history file: concurrent and killed writers, damage, other formats, no room."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from imagekit.base.process import run
from imagekit.history import read
from imagekit.history.add import add_gate, add_night, add_run
from imagekit.history.errors import HistoryDamagedError, HistoryError, HistoryFormatError
from imagekit.history.model import GateAnswer, Night, NightOutcome
from imagekit.history.rebuild import rebuild
from imagekit.history.store import History
from imagekit.machine.interface import Start
from imagekit.report.result import write_result
from tests.support.histories import result

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[3]


def full(path: Path, runs: int = 5) -> Path:
    """A history of some runs."""
    with History(path) as history:
        for day in range(runs):
            add_run(history, result(NOON + timedelta(days=day)))
    return path


def test_what_is_added_is_read_back_and_added_once(tmp_path: Path) -> None:
    night = Night(night_id="n", image="small-node", started=NOON, ended=None, outcome=NightOutcome.RUNNING, behind=3)
    gate = GateAnswer(at=NOON, image="small-node", channel="dev", digest="sha256:1", passed=False, reason="no")
    with History(tmp_path / "h") as history:
        for _ in range(2):
            add_run(history, result(NOON))
            add_night(history, night)
            add_gate(history, gate)
        assert [each.started for each in read.runs(history)] == [NOON]
        assert len(read.check_runs(history)) == len(read.boots(history)) == 1
        assert read.nights(history) == (night,)
        assert read.gates(history) == (gate,)
        assert read.runs(history, "other") == ()
        assert read.stage_seconds(history, "small-node", "boot direct") == (20.0,)


def test_what_a_run_told_again_is_no_run_of_its_checks(tmp_path: Path) -> None:
    with History(tmp_path / "h") as history:
        add_run(history, result(NOON, reused=True))
        assert [each.fresh for each in read.check_runs(history)] == [False]
        assert read.boots(history) == ()
        assert read.stage_seconds(history, "small-node", "boot direct") == ()


def test_a_history_of_the_format_before_is_brought_up_and_keeps_what_it_has(tmp_path: Path) -> None:
    path = full(tmp_path / "h")
    with sqlite3.connect(path) as db:
        db.execute("ALTER TABLE runs DROP COLUMN trial")
        db.execute("PRAGMA user_version = 1")
    db.close()
    with History(path) as history:
        assert [each.trial for each in read.runs(history)] == [False] * 5
        add_run(history, result(NOON, trial="night 1: all inputs as upstream has them"))
        assert [each.trial for each in read.check_runs(history)] == [True, False, False, False, False]
        history.require_whole()


def test_what_a_fork_took_is_no_boot(tmp_path: Path) -> None:
    """Trends of boot time are about boots; its checks were run as ever."""
    run = result(NOON)
    forked = replace(run, boots=tuple(replace(boot, start=Start.FORK) for boot in run.boots))
    with History(tmp_path / "h") as history:
        add_run(history, forked)
        assert read.boots(history) == ()
        assert [each.fresh for each in read.check_runs(history)] == [True]


WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from imagekit.history.add import add_run
from imagekit.history.store import History
from tests.support.histories import result
path, name = Path(sys.argv[1]), sys.argv[2]
for day in range(20):
    with History(path) as history:
        add_run(history, result(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day), image=name))
"""


def test_four_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    """Also the making of the file is a race."""
    path = tmp_path / "h"
    commands = " & ".join(
        f"{sys.executable} -c '{WRITER}' {path} node-{number} || touch {path}.bad" for number in range(4)
    )
    run(["bash", "-c", f"{commands} & wait"], timeout=60, cwd=ROOT, env={"PATH": os.environ["PATH"]})
    assert not path.with_name("h.bad").exists()
    with History(path) as history:
        assert len(read.runs(history)) == 80
        history.require_whole()


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from imagekit.history.store import History
with History(Path(sys.argv[1])) as history, history.writing() as db:
    db.execute("PRAGMA cache_size = 1")  # so that pages are in the file before the commit
    for number in range(2000):
        db.execute("INSERT INTO gates VALUES (?, 'i', 'c', 'd', 1, ?)", (str(number), "x" * 500))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_of_a_writer_that_is_killed_nothing_stays_and_nothing_else_is_lost(tmp_path: Path) -> None:
    path = full(tmp_path / "h")
    done = run([sys.executable, "-c", KILLED, path], timeout=30, cwd=ROOT, ok=(-signal.SIGKILL, 137))
    assert done.returncode
    assert path.with_name("h-journal").stat().st_size > 0, "the fault is planted"
    with History(path) as history:
        assert len(read.runs(history)) == 5
        assert read.gates(history) == ()
        history.require_whole()


@pytest.mark.parametrize("how", ["text", "foreign", "page", "short"])
def test_a_damaged_file_is_named_with_the_way_out_and_never_written(tmp_path: Path, how: str) -> None:
    path = full(tmp_path / "h", runs=60)
    match how:
        case "text":
            path.write_text("this is no database, and long enough to be looked at as one" * 40)
        case "foreign":
            path.unlink()
            sqlite3.connect(path).execute("CREATE TABLE mine (x)").connection.close()
        case "page":
            data = bytearray(path.read_bytes())
            data[4096 * 3 : 4096 * 6] = b"\xff" * 4096 * 3
            path.write_bytes(data)
        case "short":
            path.write_bytes(path.read_bytes()[: 4096 * 3])
    before = path.read_bytes()
    with pytest.raises(HistoryDamagedError, match=str(path)) as caught, History(path) as history:
        history.require_whole()
    assert "imagekit" in caught.value.hint
    assert path.read_bytes() == before


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    path = full(tmp_path / "h")
    sqlite3.connect(path).execute("PRAGMA user_version = 99").connection.close()
    with pytest.raises(HistoryFormatError, match="format 99"), History(path):
        pass


def test_a_history_that_another_holds_for_too_long_is_said_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagekit.history.store._BUSY_SECONDS", 0.1)
    path = full(tmp_path / "h")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(HistoryError, match="in use") as caught, History(path) as history:
        add_run(history, result(NOON + timedelta(days=9)))
    assert "longer than a minute" in caught.value.hint
    other.execute("ROLLBACK")
    other.close()
    with History(path) as history:
        assert len(read.runs(history)) == 5


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="no place"), History(Path("/dev/null/h")):
        pass
    with pytest.raises(HistoryError, match="cannot be used"), History(tmp_path):
        pass


def test_a_damaged_file_is_made_anew_of_the_results_and_kept_beside(tmp_path: Path) -> None:
    folders = []
    for day in range(3):
        one = result(NOON + timedelta(days=day))
        folders.append(write_result(one, tmp_path / "runs" / one.run_id).parent)
    (folders[1] / "result.json").write_text("{")
    path = tmp_path / "h"
    for number in (1, 2):
        path.write_text("damaged")
        done = rebuild(path, folders)
        assert (done.runs, done.aside) == (2, path.with_name(f"h.damaged-{number}"))
        assert len(done.unread) == 1
        assert done.aside is not None
        assert done.aside.read_text() == "damaged"
        with History(path) as history:
            assert len(read.runs(history)) == 2


def _break_off(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM stages")
    raise sqlite3.IntegrityError("half done")


def test_nothing_of_a_transaction_that_raises_is_kept(tmp_path: Path) -> None:
    path = full(tmp_path / "h", runs=1)
    with History(path) as history:
        with pytest.raises(HistoryError, match="half done"), history.writing() as db:
            _break_off(db)
        assert read.stage_seconds(history, "small-node", "boot direct")
