"""Commands on a node in a shell that stays open, for checks: root's, and those of the account that logs in.

Under emulation ``sudo`` with its PAM session is 0.2 s of the 0.23 s that a small command of root's takes, and a channel
of SSH 15 ms of the account's 33 ms. One shell serves a whole session; each command has a shell of its own in it, with
nothing on its standard input, so that none sees what another one left. A command that comes while another runs, from a
thread, is given a channel, and a ``sudo``, of its own.
"""

from __future__ import annotations

import os
import re
import secrets
import selectors
import shlex
import subprocess  # noqa: TID251 - the type of a child; base/process.py starts it
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any, cast

from testinfra.backend.base import CommandResult
from testinfra.backend.ssh import SshBackend
from testinfra.host import Host

from imagekit.base import process
from imagekit.base.reason import summary

_CHUNK = 1 << 16
_LOGIN_SHELL = '"${SHELL:-/bin/sh}"'  # sshd(8) sets it
_LINE = 8  # bytes after the word: a status and the line's end


@dataclass(frozen=True, slots=True)
class Answer:
    """Exit status of a command and what it wrote."""

    status: int
    stdout: bytes
    stderr: bytes


class OpenShellError(RuntimeError):
    """The shell ended in the middle of a command: the node, the connection or sudo failed."""


class OpenShell:
    """One POSIX shell, started by `argv` when it is first needed, and anew when it has ended.

    `interpreter` is what runs each command in it with ``-c``, in words of that shell.
    """

    def __init__(self, argv: list[str], interpreter: str = "/bin/sh") -> None:
        self._argv, self._interpreter = argv, interpreter
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._child: subprocess.Popen[bytes] | None = None

    def ask(self, command: bytes) -> Answer | None:
        """Run a command to its end; None when another one is running.

        Raises `OpenShellError` when the shell ends before the command does.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            child = self._running()
            return _told(child, self._interpreter, command)
        except BaseException:
            self._end()  # what is left of an unfinished answer must not be taken for the next one's
            raise
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the shell, and a command that still runs in it."""
        with self._lock:
            self._end()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._end()
            self._child = self._stack.enter_context(process.conversation(self._argv))
        return self._child

    def _end(self) -> None:
        self._child = None
        self._stack.close()


class _Backend:
    """testinfra's backend over an `OpenShell`, and as it is while that is busy."""

    def __init__(self, plain: SshBackend, shell: OpenShell) -> None:
        self._plain, self._shell = plain, shell

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    def get_command(self, command: str, *args: str) -> str:
        """What the shell is told; `Host.sudo` puts its own in this place."""
        return cast("str", self._plain.quote(command, *args))

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Run a command as the shell's user, or as that of `Host.sudo`."""
        line = self.get_command(command, *args)
        encoded = os.fsencode(line)
        answer = self._shell.ask(encoded)
        if answer is None:
            return self._plain.run(line, **kwargs)
        return self._plain.result(answer.status, encoded, answer.stdout, answer.stderr)


def kept_open(host: Host) -> tuple[Host, OpenShell | None]:
    """The same host with a shell that stays open, to be closed in the end; one that is not reached by SSH as it is."""
    backend = host.backend
    if not (isinstance(backend, SshBackend) and backend.ssh_config):
        return host, None
    # A command of the account's is run by its login shell, as sshd does it; one of root's by what sudo is given.
    become, interpreter = ("sudo -n -- ", "/bin/sh") if backend.sudo else ("", _LOGIN_SHELL)
    shell = OpenShell(["ssh", "-F", backend.ssh_config, backend.hostname, f"{become}/bin/sh"], interpreter)
    return Host(_Backend(backend, shell)), shell


def _told(child: subprocess.Popen[bytes], interpreter: str, command: bytes) -> Answer:
    # No command is given the word, so that none can write it. What a process that an earlier one left behind wrote
    # since comes before it; what such a process writes from now on cannot be told from the command's own.
    word = secrets.token_hex(16)
    mark = f"printf '%s\\n' {word}"
    quoted = shlex.quote(os.fsdecode(command))
    line = f"{mark}; {mark} >&2; {interpreter} -c {quoted} </dev/null; printf '{word} %d\\n' $?; {mark} >&2\n"
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    try:
        child.stdin.write(os.fsencode(line))
        child.stdin.flush()
    except BrokenPipeError:
        pass  # what it wrote before it ended says why
    out, err = _until((child.stdout, child.stderr), word.encode())
    between = re.compile(rb"%s\n(.*)%s(?: (\d+))?\n" % (word.encode(), word.encode()), re.DOTALL)
    told, complained = between.search(out), between.search(err)
    if told is None or complained is None:
        said = summary((err or out).decode("utf-8", "replace").replace(word, ""))
        shown = os.fsdecode(command)[:200]
        raise OpenShellError(f"the shell on the node ended during: {shown}" + (f": {said}" if said else ""))
    return Answer(int(told[2]), told[1], complained[1])


def _until(streams: tuple[IO[bytes], IO[bytes]], word: bytes) -> list[bytes]:
    """What comes on each stream until a line with the second `word` in it is there, or it is closed."""
    found = [bytearray() for _ in streams]
    with selectors.DefaultSelector() as selector:
        for number, stream in enumerate(streams):
            selector.register(stream, selectors.EVENT_READ, number)
        while selector.get_map():
            for key, _ in selector.select():
                chunk, text = os.read(key.fd, _CHUNK), found[key.data]
                text += chunk
                last = text.rfind(word, max(0, len(text) - len(chunk) - len(word) - _LINE))
                if not chunk or (last > text.find(word) and text.find(b"\n", last) > 0):
                    selector.unregister(key.fileobj)
    return [bytes(text) for text in found]
