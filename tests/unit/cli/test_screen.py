"""Whatever others wrote is shown and not obeyed: errors, progress, results, the console (D10 D38 D39 D42)."""

from __future__ import annotations

import logging
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from imagekit.base.errors import ToolError
from imagekit.base.log import bar, progress, step
from imagekit.cli import cli
from imagekit.cli.edge import run_cli, tell_error
from imagekit.cli.progress import ProgressHandler
from imagekit.cli.screen import NO_LIMIT, columns, say
from tests.support.project import make_project

NAME = "host\x1b[2J\x1b]0;owned\x07\x9b31m\u202eevil\u200b\ud800"
SHOWN = "host\ufffd[2J\ufffd]0;owned\ufffd\ufffd31m\ufffdevil\ufffd\ufffd"
pytestmark = pytest.mark.attack


def obeyed(text: str) -> list[str]:
    """Characters that a terminal obeys or hides."""
    return [each for each in text if not each.isprintable() and each not in "\n\t"]


def test_an_error_and_its_hint(capsys: pytest.CaptureFixture[str]) -> None:
    tell_error(ToolError(f"claim of {NAME}", hint=f"ask {NAME}\nor nobody"))
    assert capsys.readouterr().err == f"error: claim of {SHOWN}\n  ask {SHOWN}\n  or nobody\n"


def test_a_result(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"version {NAME}")
    assert capsys.readouterr().out == f"version {SHOWN}\n"


def test_a_header_of_ours_in_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """D39: also where the words of a registry did not come by way of its answer's body."""
    tell_error(ToolError("GET /v2/: Authorization: Basic cm9vdDpzZWNyZXQ=", hint="Bearer eyJhbGciOi.eyJzdWIi.c2ln"))
    reported = capsys.readouterr().err
    assert "cm9vdDpzZWNyZXQ" not in reported
    assert "eyJzdWIi" not in reported


@pytest.mark.parametrize(
    ("asked", "terminal", "wide"),
    [
        ("", False, NO_LIMIT),
        ("0", False, NO_LIMIT),
        ("words", False, NO_LIMIT),
        ("200", False, 200),
        ("200", True, 200),
    ],
)
def test_no_limit_in_a_pipe_and_columns_is_honoured(
    asked: str, terminal: bool, wide: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """operator.md: rows cut at 80 columns in a pipe or CI log and at 120 with COLUMNS=200."""
    monkeypatch.setenv("COLUMNS", asked)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
    assert columns() == wide


@pytest.fixture
def script(capsys: pytest.CaptureFixture[str]) -> ProgressHandler:
    """The handler of a terminal that is none."""
    return ProgressHandler()


def test_the_progress(script: ProgressHandler, capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("imagekit")
    logger.addHandler(script)
    logger.setLevel(logging.INFO)
    try:
        with step(f"Pulling {NAME}") as reported:
            progress(f"waiting for {NAME}")
            bar(NAME, 1, 2, f"RUN {NAME}\n✓ Verified")
            reported.note = f"from {NAME}\n✓ Signature good"
            logging.getLogger("imagekit.x").warning("Location %s", NAME)
    finally:
        logger.removeHandler(script)
        script.close()
    lines = capsys.readouterr().err.splitlines()
    assert obeyed("".join(lines)) == []
    assert f"warning: Location {SHOWN}" in "".join(lines)
    assert not any(line.strip().startswith("✓ Signature") for line in lines), "a line of progress was forged"


def test_a_wrong_word_of_the_command_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def command() -> None:
        raise click.UsageError(f"no such image {NAME}")

    monkeypatch.setattr("imagekit.cli.edge._interrupt_on_termination", lambda: None)
    monkeypatch.setattr("sys.argv", ["imagekit"])
    assert run_cli(command) == 2  # type: ignore[arg-type]  # a command is enough here
    reported = capsys.readouterr().err
    assert "no such image host" in reported
    assert obeyed(reported) == []


def test_a_mistake_of_ours(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def command() -> None:
        raise AssertionError(NAME)

    monkeypatch.setattr("imagekit.cli.edge._interrupt_on_termination", lambda: None)
    monkeypatch.setattr("sys.argv", ["imagekit"])
    assert run_cli(command) == 3  # type: ignore[arg-type]  # a command is enough here
    assert obeyed(capsys.readouterr().err) == []


@pytest.fixture
def console(tmp_path: Path) -> Path:
    """A console log of a run in a project."""
    log = make_project(tmp_path) / ".imagekit/runs/r1/direct/console.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"\x1b[32mgreen\x1b[0m \x9b\xc2\x9b31m \xe2\x80\xaeevil\xe2\x80\x8b\r\n\xff last")
    return log


def test_the_console_is_shown_clean_and_kept_raw(tmp_path: Path, console: Path) -> None:
    before = console.read_bytes()
    shown = CliRunner().invoke(cli, ["--project", str(tmp_path), "console"], catch_exceptions=False)
    assert shown.stdout == "green \ufffd31m evil\n\ufffd last\n"
    raw = CliRunner().invoke(cli, ["--project", str(tmp_path), "console", "--raw"], catch_exceptions=False)
    assert raw.stdout_bytes == before == console.read_bytes()


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("::add-mask::x", ": :add-mask::x"),
        ("a\n  ::error file=x::y", "a\n  : :error file=x::y"),
        ("said ##[error]x", "said ## [error]x"),
        ("fe80::1 and a::b", "fe80::1 and a::b"),
    ],
)
def test_a_runner_is_given_no_orders(
    raw: str, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hint of two spaces and a registry's `::stop-commands::` is a command for GitHub's runner."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    say(raw)
    tell_error(ToolError("x", hint=raw))
    reported = capsys.readouterr()
    assert reported.out == f"{shown}\n"
    assert not any(line.lstrip().startswith("::") or "##[" in line for line in reported.err.splitlines())
    monkeypatch.delenv("GITHUB_ACTIONS")
    say(raw)
    assert capsys.readouterr().out == f"{raw}\n"
