"""Functions in processes of their own that start at once: forked from a small server that has imported all they need.

A publish is killed before each of its hundred requests, and two publishers race for hundreds of rounds; a fresh
interpreter each time would spend most of that on its imports.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

_SECONDS = 120
_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.support.publisher", "tests.support.promoter"])


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: its code (-9: killed) and the words that it said, none when it was killed."""

    code: int
    words: tuple[str, ...]


def forked(main: Callable[..., str], *arguments: object, home: Path, kill_after: float | None = None) -> Ended:
    """Run `main` to its end, natural or not; `home` is where it looks for docker's configuration.

    `kill_after` so many seconds it is killed (signal 9), unless it has ended.
    """
    reader, writer = _CONTEXT.Pipe(duplex=False)
    child = _CONTEXT.Process(target=_say, args=(writer, home, main, arguments))
    child.start()
    writer.close()
    if kill_after is not None:
        child.join(kill_after)
        child.kill()
    child.join(_SECONDS)
    if child.exitcode is None:
        child.kill()
        child.join()
        raise TimeoutError(f"{main.__module__} did not end within {_SECONDS} s")
    try:
        said = reader.recv() if child.exitcode == 0 else ""
    finally:
        reader.close()
    return Ended(child.exitcode, tuple(str(said).split()))


def _say(writer: Connection, home: Path, main: Callable[..., str], arguments: tuple[object, ...]) -> None:
    os.environ["DOCKER_CONFIG"] = str(home)
    writer.send(main(*arguments))
