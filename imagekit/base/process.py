"""The one door to other processes: argv lists, explicit environment, closed stdin, timeouts, no shell."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import signal
import subprocess  # noqa: TID251 - this module is the door
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from imagekit.base.environment import environment
from imagekit.base.errors import ToolError
from imagekit.base.exchange import Drain, FloodError, Sink, exchange
from imagekit.base.reason import summary

logger = logging.getLogger(__name__)
_GRACE = 5.0


class ProcessError(ToolError):
    """A program ended with a status that was not asked for."""

    def __init__(self, message: str, *, returncode: int, stdout: str, stderr: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr


class ProgramMissingError(ToolError):
    """A program is not installed."""


class CannotRunError(ToolError):
    """A program is there and cannot be run."""


class ProcessTimeoutError(ToolError):
    """A program did not end within its time limit; it was killed."""


class OutputLimitError(ToolError):
    """A program wrote more than it may; it was killed."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that ended: status and what it wrote, decoded leniently as UTF-8."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    raw: bytes = field(default=b"", repr=False)  # stdout as it came, for what must not be decoded


def run(
    argv: Sequence[str | Path],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: bytes | None = None,
    on_line: Callable[[str], None] | None = None,
    ok: Sequence[int] = (0,),
    most: int | None = None,
) -> Completed:
    """Run a program to its end and return what it wrote.

    `timeout` is wall seconds; `on_line` gets each line of stderr and stdout as it comes; `most` is how many bytes it
    may write on either. Raises `ProgramMissingError`, `ProcessTimeoutError` and `OutputLimitError` (the whole process
    group is killed) or `ProcessError` when the status is not in `ok`.
    """
    command = tuple(os.fspath(part) for part in argv)
    with _started(command, env=env, cwd=cwd, feed=stdin is not None) as child:
        out, err = Sink(child.stdout, on_line, most), Sink(child.stderr, on_line, most)
        try:
            code = exchange(child, stdin or b"", (out, err), timeout)
        except subprocess.TimeoutExpired:
            _kill_group(child)
            raise ProcessTimeoutError(
                f"no end after {timeout:.0f} s: {shlex.join(command)}", hint=summary(err.text or out.text)
            ) from None
        except FloodError:
            _kill_group(child)
            raise OutputLimitError(f"more than {most} bytes written: {shlex.join(command)}") from None
    stdout, stderr = out.text, err.text
    if code not in ok:
        raise ProcessError(
            f"exit status {code}: {shlex.join(command)}",
            returncode=code,
            stdout=stdout,
            stderr=stderr,
            hint=summary(stderr or stdout),
        )
    return Completed(command, code, stdout, stderr, out.raw)


def interactive(argv: Sequence[str | Path]) -> int:
    """Run a program on this terminal (its standard streams are ours) and return its exit status."""
    command = [os.fspath(part) for part in argv]
    try:
        return subprocess.run(command, env={**os.environ, "LANG": "C.UTF-8"}, check=False).returncode
    except OSError as error:
        raise _not_started(command[0], None, None, error) from None


@contextmanager
def background(
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    die_with_parent: bool = True,
    death_signal: str = "TERM",
) -> Iterator[subprocess.Popen[bytes]]:
    """A long-running program whose output goes to `log`; stopped (TERM, then KILL) when the block ends.

    With `die_with_parent` the kernel sends it `death_signal` when this process dies, even by kill -9.
    """
    command = tuple(os.fspath(part) for part in argv)
    if die_with_parent:
        command = ("setpriv", "--pdeathsig", death_signal, *command)
    with log.open("ab") as sink, _started(command, env=env, cwd=cwd, sink=sink) as child:
        yield child


@contextmanager
def conversation(argv: Sequence[str | Path]) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is asked over its standard input while it runs; stopped (TERM, then KILL) when the block ends."""
    with _started(tuple(os.fspath(part) for part in argv), env=None, feed=True) as child:
        yield child


def detached(argv: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None) -> None:
    """Start a program that outlives this process, with its output in `log`; the caller must know how it ends."""
    command = ("setsid", "--fork", *(os.fspath(part) for part in argv))
    with log.open("ab") as sink, _started(command, env=env, sink=sink) as child:
        child.wait(_GRACE)


def pipe(
    argv: Sequence[str | Path],
    feed: Callable[[IO[bytes]], None],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run a program whose standard input `feed` writes, chunk by chunk; otherwise as `run`."""
    command = tuple(os.fspath(part) for part in argv)
    with _started(command, env=env, feed=True) as child:
        assert child.stdin is not None
        out, err = Drain(child.stdout), Drain(child.stderr)
        watchdog = threading.Timer(timeout, _kill_group, [child])
        watchdog.start()
        try:
            try:
                feed(child.stdin)
                child.stdin.close()
            except BrokenPipeError:
                pass  # the program ended early; its status and stderr say why
            code = child.wait()
        finally:
            watchdog.cancel()
        stdout, stderr = out.text(), err.text()
    if code != 0:
        raise ProcessError(
            f"exit status {code}: {shlex.join(command)}",
            returncode=code,
            stdout=stdout,
            stderr=stderr,
            hint=summary(stderr or stdout),
        )
    return Completed(command, code, stdout, stderr)


@contextmanager
def _started(
    command: tuple[str, ...],
    *,
    env: Mapping[str, str] | None,
    cwd: Path | None = None,
    feed: bool = False,
    sink: IO[bytes] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    logger.debug("$ %s", shlex.join(command))
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=sink or subprocess.PIPE,
            stderr=sink or subprocess.PIPE,
            env=environment(env),
            cwd=cwd,
            start_new_session=True,
        )
    except OSError as error:
        raise _not_started(command[0], cwd, env, error) from None
    try:
        yield child
    finally:
        _stop(child)


def _not_started(program: str, cwd: Path | None, env: Mapping[str, str] | None, error: OSError) -> ToolError:
    """Why a program did not even begin: it, its interpreter or the folder is not there, or it may not be run."""
    if cwd is not None and not cwd.is_dir():
        return ToolError(f"{cwd}: no such folder, so {program} cannot run in it")
    found = (
        program
        if "/" in program and Path(program).exists()
        else shutil.which(program, os.F_OK, environment(env)["PATH"])
    )
    if found is None:
        return ProgramMissingError(
            f"program not found: {program}", hint="`imagekit doctor` lists what is needed and how to get it."
        )
    hint = f"Is it for this machine, with an interpreter that is there? `file {found}` tells."
    if isinstance(error, PermissionError):
        hint = f"May this user run it, and is its file system mounted without noexec? `ls -l {found}` tells."
    return CannotRunError(f"{found} cannot be run: {error.strerror}", hint=hint)


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        _signal_group(child, signal.SIGTERM)
        try:
            child.wait(_GRACE)
        except subprocess.TimeoutExpired:
            _kill_group(child)
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None and not stream.closed:
            try:
                stream.close()
            except BrokenPipeError:
                continue


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    _signal_group(child, signal.SIGKILL)
    child.wait()


def alive(pid: int, *, started: float | None = None) -> bool:
    """Whether a process with this id runs (and, with `started`, is the one that began at that boot-relative second)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    if fields[0] == "Z":
        return False
    return started is None or abs(start_time(pid) - started) < 0.02


def place() -> str:
    """Where process ids of ours mean something: this boot of the kernel and this PID namespace (a container's own)."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def elsewhere(other: str) -> bool:
    """Whether a `place` is another container of this very machine, whose processes cannot be seen from here."""
    return bool(other) and other != place() and other.split()[0] == place().split()[0]


def start_time(pid: int) -> float:
    """When a process started, in seconds since boot (field 22 of proc(5) stat); 0.0 when it does not run."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


def now() -> float:
    """Seconds on the monotonic clock; here so that callers need not import time for durations."""
    return time.monotonic()
