"""A forked process is as one that was started: its folder, environment, streams and end; and it dies with its asker."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from imagekit.base.process import Completed, alive, background, run
from imagekit.base.waiting import Deadline, wait_until

ENVIRONMENT = {"WORD": "heard", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
BODY = """
import os, signal, sys, time
def test_it():
    with open("new", "w") as stream:
        stream.write(str(os.getpid()))
    os.rename("new", "pid")
    sys.stderr.write(os.environ["WORD"] + "\\n")
    HOW
"""


def asked(python: Path | str, folder: Path, how: str) -> list[str | Path]:
    (folder / "test_it.py").write_text(BODY.replace("HOW", how))
    return [python, "-P", "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "--color=no", "test_it.py"]


def pytest_of(python: Path | str, folder: Path, how: str) -> Completed:
    return run(asked(python, folder, how), timeout=20, cwd=folder, env=ENVIRONMENT, ok=range(-64, 256))


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("pass", 0),
        ("assert len('four') == 5", 1),
        ("os._exit(7)", 7),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
)
def test_it_ends_as_one_that_was_started(preloaded: Path, tmp_path: Path, how: str, code: int) -> None:
    forked, started = (pytest_of(python, tmp_path, how) for python in (preloaded, sys.executable))
    assert (forked.returncode, started.returncode) == (code, code)
    assert "heard" in forked.stderr
    assert forked.stderr == started.stderr
    assert forked.stdout.partition(" in ")[0] == started.stdout.partition(" in ")[0]


def test_it_dies_with_whoever_asked_for_it(preloaded: Path, tmp_path: Path) -> None:
    with background(asked(preloaded, tmp_path, "time.sleep(50)"), log=tmp_path / "log", env=ENVIRONMENT, cwd=tmp_path):
        wait_until((tmp_path / "pid").exists, Deadline.after(20), what="its start")
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not alive(pid), Deadline.after(5), what="its end")
