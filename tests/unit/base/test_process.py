"""The door to other processes, where no engine is needed to try it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from imagekit.base.environment import environment
from imagekit.base.errors import ToolError
from imagekit.base.process import (
    CannotRunError,
    OutputLimitError,
    ProcessError,
    ProcessTimeoutError,
    ProgramMissingError,
    run,
)

ENDS = [True, False]  # whether the kernel can say that a child has ended (pidfd_open, Linux 5.3)


@pytest.fixture(params=ENDS, ids=["pidfd", "none"], autouse=True)
def _kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_pid: int) -> int:
        raise OSError(38, "Function not implemented")

    if not request.param:
        monkeypatch.setattr(os, "pidfd_open", refused)


def test_a_program_that_does_not_read_what_it_is_given_is_no_error() -> None:
    """A credential helper that knows its host anyway: the pipe breaks at the write, or when it is closed."""
    for size in (1, 1 << 20):
        assert run(["true"], stdin=b"x" * size, timeout=20).returncode == 0


def test_much_goes_in_and_out_at_once() -> None:
    much = b"0123456789abcdef" * (1 << 17)
    done = run(["sh", "-c", "cat; echo said >&2"], stdin=much, timeout=20)
    assert done.raw == much
    assert done.stderr == "said\n"


def test_lines_come_whole_and_as_they_are_written() -> None:
    lines: list[tuple[str, float]] = []
    begun = time.monotonic()
    run(
        ["sh", "-c", "echo a; printf b; sleep 0.2; echo c; printf d"],
        timeout=20,
        on_line=lambda line: lines.append((line, time.monotonic() - begun)),
    )
    assert [line for line, _ in lines] == ["a", "bc", "d"]
    assert lines[1][1] - lines[0][1] > 0.1


def test_a_status_that_was_not_asked_for_says_why() -> None:
    with pytest.raises(ProcessError, match="exit status 3") as error:
        run(["sh", "-c", "echo no such thing >&2; exit 3"], timeout=20)
    assert (error.value.returncode, error.value.stderr) == (3, "no such thing\n")


@pytest.mark.parametrize("streams", ["", "exec >&- 2>&-; "], ids=["open", "closed"])
def test_what_does_not_end_in_time_is_killed(streams: str) -> None:
    with pytest.raises(ProcessTimeoutError, match="no end after"):
        run(["sh", "-c", f"echo begun; {streams}sleep 60"], timeout=0.3)


def test_a_grandchild_that_holds_the_pipe_is_not_waited_for() -> None:
    begun = time.monotonic()
    assert run(["sh", "-c", "echo said; sleep 5 &"], timeout=30).stdout == "said\n"
    assert time.monotonic() - begun < 4.5


def test_a_program_that_closes_its_streams_is_waited_for() -> None:
    begun = time.monotonic()
    assert run(["sh", "-c", "exec >&- 2>&-; sleep 0.3; exit 5"], timeout=20, ok=(5,)).returncode == 5
    assert time.monotonic() - begun >= 0.3


def test_a_flood_is_ended_and_not_kept() -> None:
    with pytest.raises(OutputLimitError, match="more than 1000 bytes"):
        run(["sh", "-c", "exec yes"], timeout=20, most=1000)
    assert run(["sh", "-c", "echo said"], timeout=20, most=5).stdout == "said\n"


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (b"#!/bin/sh\n", 0o644, "Permission denied"),
        (b"\x7fELF of another machine", 0o755, "Exec format error"),
        (b"#!/no/such/interpreter\n", 0o755, "No such file"),
    ],
    ids=["mode", "machine", "interpreter"],
)
def test_a_program_that_cannot_be_run_is_named(tmp_path: Path, content: bytes, mode: int, said: str) -> None:
    """A file that lost its mode on a share, one of another architecture, a venv whose Python is gone."""
    program = tmp_path / "docker-credential-corp"
    program.write_bytes(content)
    program.chmod(mode)
    for name in (str(program), program.name):
        with pytest.raises(CannotRunError, match=f"{program} cannot be run: {said}") as error:
            run([name], timeout=20, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
        assert str(program) in error.value.hint


def test_a_folder_that_is_gone_is_not_a_program_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=f"{tmp_path}/gone: no such folder"):
        run(["true"], timeout=20, cwd=tmp_path / "gone")
    with pytest.raises(ProgramMissingError, match="program not found: no-such-program"):
        run(["no-such-program"], timeout=20)


def test_proxies_and_authorities_reach_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """What curl, git and Go programs read of them, in both cases of letters."""
    names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR")
    for name in names:
        monkeypatch.setenv(name, f"value of {name}")
    assert {name: environment()[name] for name in names} == {name: f"value of {name}" for name in names}
