"""pytest in processes of its own that need no start: a server that has imported it forks them.

A run of checks starts `python -m pytest`, which reads its modules for a third of a second; hundreds of tests start one.
In the place of Python they are given a small program that asks the server here for a process with the same arguments,
environment, folder and streams, ends as that one ends, and takes it along when it is killed.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import select
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from imagekit.base.process import background
from imagekit.base.waiting import Deadline, wait_until

ROOT = Path(__file__).parents[2]
_PLUGINS = ("imagekit.checks.plugin", "imagekit.checks.wellformed", "imagekit.checks.contract.plugin")
_PROGRAM = """\
#!{python} -IS
import json, os, socket, struct, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
asked = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
socket.send_fds(server, [struct.pack("!I", len(asked))], [0, 1, 2])
server.sendall(asked)
(code,) = struct.unpack("!i", server.recv(4, socket.MSG_WAITALL))
if code < 0:
    os.kill(os.getpid(), -code)
os._exit(code)
"""


@contextmanager
def preloaded_python(folder: Path) -> Iterator[Path]:
    """A program that stands for Python where `-P -m pytest` is run; `folder` is for it and its server."""
    address, program = folder / "server", folder / "python"
    program.write_text(_PROGRAM.format(python=sys.executable, address=str(address)))
    program.chmod(0o755)
    # As the process of checks is started: imagekit.checks.checkprocess.
    env = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, "-P", "-m", "tests.support.preloaded", str(address)]
    with background(argv, log=folder / "log", env=env, cwd=folder) as server:
        wait_until(lambda: address.exists() or server.poll() is not None, Deadline.after(60), what="a preloaded Python")
        assert server.poll() is None, (folder / "log").read_text()
        yield program


def _serve(address: str) -> NoReturn:
    import pytest
    import testinfra.backend.local  # noqa: F401

    nothing = Path(address).parent / "nothing"
    nothing.mkdir()
    pytest.main(["-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(nothing), str(nothing)])
    sys.stdout.flush()  # else each process would write it again
    for name in _PLUGINS:  # with all that they import
        __import__(name)
    for name in _PLUGINS:  # pytest imports them itself, with their assertions rewritten
        package, _, module = name.rpartition(".")
        delattr(sys.modules[package], module)
        del sys.modules[name]
    gc.collect()
    gc.freeze()  # else the collector of each process writes to all of it
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{address}.new")
        server.listen(64)
        Path(f"{address}.new").rename(address)
        while True:
            asking, _ = server.accept()
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:  # those that answered before
                    pass
            if os.fork() == 0:
                server.close()
                _answer(asking)
            asking.close()


def _answer(asking: socket.socket) -> None:
    """Start what was asked for, and tell how it ended."""
    head, streams, _, _ = socket.recv_fds(asking, 4, 3)
    (size,) = struct.unpack("!I", head)
    arguments, environment, folder = json.loads(asking.recv(size, socket.MSG_WAITALL))
    child = os.fork()
    if child == 0:
        asking.close()
        _become(arguments, environment, folder, streams)
    for stream in streams:
        os.close(stream)
    ended = os.pidfd_open(child)
    ready, _, _ = select.select([asking.fileno(), ended], [], [])
    if ended not in ready:  # whoever asked was killed
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if ended in ready:
        asking.sendall(struct.pack("!i", os.waitstatus_to_exitcode(status)))
    os._exit(0)


def _become(arguments: list[str], environment: dict[str, str], folder: str, streams: list[int]) -> NoReturn:
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    assert arguments[:3] == ["-P", "-m", "pytest"], arguments
    sys.argv = arguments[2:]
    runpy.run_module("pytest", run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    _serve(sys.argv[1])
