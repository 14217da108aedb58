"""Failures are told when they happen, whole, in red on a terminal; no tick stands over them (operator.md, "Other")."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from imagekit.base.log import step, trouble
from imagekit.cli.progress import ProgressHandler

LONG = "sssd failed: sssd.conf is what sssd takes: " + "x" * 300 + " id_provder"


@pytest.fixture(params=["terminal", "pipe", "terminal without colour"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A handler of progress on a terminal or in a pipe."""
    monkeypatch.delenv("NO_COLOR", raising=False)
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
