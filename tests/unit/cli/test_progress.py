"""Failures are told when they happen, whole, in red on a terminal; no tick stands over them (operator.md, "Other")."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator

import pytest
from rich.live import _RefreshThread

from imagekit.base.log import bar, progress, step, trouble
from imagekit.base.waiting import Deadline, wait_until
from imagekit.cli.progress import ProgressHandler

LONG = "sssd failed: sssd.conf is what sssd takes: " + "x" * 300 + " id_provder"


@pytest.fixture(params=["terminal", "pipe", "terminal without colour"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A handler of progress on a terminal or in a pipe."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    if request.param.endswith("without colour"):
        monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stderr.isatty", lambda: request.param != "pipe", raising=False)
    handler, logger = ProgressHandler(), logging.getLogger("imagekit")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield request.param
    logger.removeHandler(handler)
    handler.close()
    logger.setLevel(logging.NOTSET)


def test_what_did_not_pass_stands_at_once_and_whole(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    with step("Checking base"):
        trouble(LONG)
        reported = capsys.readouterr().err
    assert f"  ✗ {LONG}" in reported
    assert (f"\x1b[1;31m  ✗ {LONG}\x1b[0m" in reported) == (place == "terminal")


def test_of_two_threads_the_step_that_ended_is_named_no_more(
    place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two scenarios was ended minutes ago and still told as what is waited for."""
    monkeypatch.setattr("imagekit.cli.progress._SILENCE", 0.0)
    begun, end = threading.Event(), threading.Event()

    def other() -> None:
        with step("Scenario upgrade"):
            begun.set()
            end.wait(10)

    thread = threading.Thread(target=other)
    with step("Saving an installed node"):
        thread.start()
        begun.wait(10)
    [handler] = [each for each in logging.getLogger("imagekit").handlers if isinstance(each, ProgressHandler)]
    waiting = handler._waiting() if place == "pipe" else handler._lines()[-1]
    end.set()
    thread.join()
    assert "Scenario upgrade" in waiting
    assert "Saving" not in waiting


def test_no_tick_over_a_step_whose_answer_is_no(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    with step("Checking base") as current:
        current.note, current.failed = "163 passed, 2 failed", True
    reported = capsys.readouterr().err
    assert "✗ Checking base: 163 passed, 2 failed" in reported
    assert "✓" not in reported


def test_what_only_warns_is_no_failure(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    with step("Checking base") as current:
        trouble("base failed: slow (warns only until 2027-01-01, IK-7)", blocks=False)
        current.note = "1 failed (1 of them warn only)"
    reported = capsys.readouterr().err
    assert "! base failed: slow (warns only until 2027-01-01, IK-7)" in reported
    assert "✗" not in reported
    assert "1;31" not in reported


def test_living_lines_fit_and_leave_nothing_but_what_stands(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    seen = ""

    def drawn() -> bool:
        nonlocal seen
        seen += capsys.readouterr().err
        return "…" in seen

    with step("Pulling"):
        bar("layer", 1, 3, "RUN " + "y" * 200)
        progress("waiting for " + "z" * 200)
        if place != "pipe":
            wait_until(drawn, Deadline.after(20), what="a living line", every=0.02)
    seen += capsys.readouterr().err
    if place == "pipe":
        assert "\x1b" not in seen
        return
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", each).strip("\r") for each in re.split(r"[\r\n]+", seen)]
    assert any(line.startswith("  layer        ████░░░░░░░░ 1/3 RUN yyy") for line in lines)
    assert max(map(len, lines)) <= 80
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h") == 1, "the cursor is hidden and comes back"
    assert lines[-2].startswith("✓ Pulling")


def test_nothing_is_drawn_between_steps(place: str) -> None:
    """A shell on a node has the terminal for itself."""
    with step("Booting"):
        pass
    drawing = [each for each in threading.enumerate() if isinstance(each, _RefreshThread) and not each.done.is_set()]
    assert not drawing, "rich still draws"
