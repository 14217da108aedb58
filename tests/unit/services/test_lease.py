"""Leases and guards, with small programs in the part of the daemon."""

from __future__ import annotations

import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.base.process import alive, run, start_time
from imagekit.base.waiting import Deadline, DeadlineError, wait_until
from imagekit.services.lease import clear, drop, keep, leased, running
from imagekit.services.model import Daemon, DaemonRecord, ServiceError

SECONDS = 20.0


def yes() -> bool:
    """A probe that is content."""
    return True


@pytest.fixture
def sleeper(tmp_path: Path) -> Daemon:
    """A daemon that runs until it is told to end."""
    return Daemon(
        name="sleeper",
        argv=("sleep", "300"),
        state=tmp_path,
        log=tmp_path / "sleeper.log",
        leftovers=(tmp_path / "sleeper.sock", tmp_path / "exec"),
        time_limit=SECONDS,
    )


def pid_of(daemon: Daemon) -> int:
    """The process id of a running daemon."""
    record = DaemonRecord.read(daemon.record)
    assert record is not None
    return record.pid


def test_runs_in_the_block_and_not_after_it(sleeper: Daemon) -> None:
    with leased(sleeper, yes):
        pid = pid_of(sleeper)
        assert running(sleeper)
    assert not alive(pid)
    assert DaemonRecord.read(sleeper.record) is None


def test_what_the_daemon_puts_into_the_background_is_looked_after_by_its_guard(sleeper: Daemon, tmp_path: Path) -> None:
    left = tmp_path / "left"
    program = f"(sleep 1 & echo $! > {left}.new; mv {left}.new {left}); exec sleep 300"
    with leased(replace(sleeper, argv=("sh", "-c", program)), yes):
        wait_until(left.exists, Deadline.after(SECONDS), what="the process in the background")
        record, status = DaemonRecord.read(sleeper.record), Path(f"/proc/{left.read_text().strip()}/stat")
        assert record is not None
        assert status.read_text().rpartition(")")[2].split()[1] == str(record.guard)
        wait_until(lambda: not status.exists(), Deadline.after(SECONDS), what="its end to be noted")


def test_is_shared_until_the_last_user_ends(sleeper: Daemon) -> None:
    with leased(sleeper, yes):
        pid = pid_of(sleeper)
        with leased(sleeper, yes):
            assert pid_of(sleeper) == pid
        assert running(sleeper)
    assert not alive(pid)


def test_stops_when_its_user_is_killed(sleeper: Daemon) -> None:
    program = (
        "import os, sys\n"
        "from imagekit.services.lease import leased\n"
        "from imagekit.services.model import Daemon, DaemonRecord\n"
        "daemon = Daemon.from_json(sys.argv[1])\n"
        "with leased(daemon, lambda: True):\n"
        "    sys.stdout.write(str(DaemonRecord.read(daemon.record).pid))\n"
        "    sys.stdout.flush()\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    done = run([sys.executable, "-c", program, sleeper.to_json()], timeout=SECONDS, ok=[-signal.SIGKILL])
    wait_until(lambda: not alive(int(done.stdout)), Deadline.after(SECONDS), what="the daemon to end")


def test_ends_with_its_guard_and_starts_again(sleeper: Daemon) -> None:
    with leased(sleeper, yes):
        record = DaemonRecord.read(sleeper.record)
        assert record is not None
        os.kill(record.guard, signal.SIGKILL)
        wait_until(lambda: not alive(record.pid), Deadline.after(SECONDS), what="the daemon to end")
    with leased(sleeper, yes):
        assert pid_of(sleeper) != record.pid


def test_stays_between_keep_and_drop(sleeper: Daemon) -> None:
    keep(sleeper, yes)
    pid = pid_of(sleeper)
    with leased(sleeper, yes):
        assert pid_of(sleeper) == pid
    assert alive(pid)
    assert drop(sleeper)
    assert not alive(pid)


def test_drop_leaves_it_to_other_users(sleeper: Daemon) -> None:
    keep(sleeper, yes)
    with leased(sleeper, yes):
        assert not drop(sleeper)
        assert running(sleeper)
    assert not running(sleeper)


def test_a_daemon_that_dies_shows_the_end_of_its_log(sleeper: Daemon) -> None:
    dying = replace(sleeper, argv=("sh", "-c", "echo 'no space left' >&2; exit 7"))
    with pytest.raises(ServiceError, match="sleeper ended with status 7") as caught, leased(dying, lambda: False):
        pass
    assert "no space left" in caught.value.hint


def test_a_daemon_that_never_answers_is_stopped(sleeper: Daemon) -> None:
    mute = replace(sleeper, time_limit=0.5)
    with pytest.raises(DeadlineError, match="sleeper to answer"), leased(mute, lambda: False):
        pass
    wait_until(lambda: not running(mute), Deadline.after(SECONDS), what="the daemon to end")


def test_leftovers_of_a_killed_run_are_removed(sleeper: Daemon) -> None:
    socket_file, folder = sleeper.leftovers
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(socket_file))
    (folder / "deep").mkdir(parents=True)
    DaemonRecord(guard=2**22 - 2, guard_started=1.0, pid=2**22 - 1, started=1.0).write(sleeper.record)
    clear(sleeper)
    assert not socket_file.exists()
    assert not folder.exists()
    assert not sleeper.record.exists()


def test_a_process_id_given_to_another_program_is_left_alone(sleeper: Daemon) -> None:
    me = os.getpid()
    DaemonRecord(guard=me, guard_started=0.5, pid=me, started=start_time(me) - 1).write(sleeper.record)
    clear(sleeper)
    assert not running(sleeper)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"unknown": 1}'])
def test_a_record_that_cannot_be_read_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "record").write_text(text)
    assert DaemonRecord.read(tmp_path / "record") is None


def test_a_daemon_survives_its_way_to_the_guard(sleeper: Daemon) -> None:
    assert Daemon.from_json(sleeper.to_json()) == sleeper
