"""imagekit as a program, without the second that a fresh interpreter takes to load it.

A process of its own, which runs nothing else, has loaded imagekit and what it is made of; each run is a fork of it
(forkserver of multiprocessing), with an environment, a working folder and streams as a started program has.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from imagekit.base.environment import environment
from imagekit.base.process import Completed

_SECONDS = 60.0


def program(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Completed:
    """Run imagekit with these arguments to its end, whatever its exit code is."""
    words = [os.fspath(each) for each in arguments]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.loaded"])
    with tempfile.TemporaryDirectory() as folder:
        child = context.Process(target=_child, args=(words, environment(env), os.fspath(Path.cwd()), folder))
        child.start()
        child.join(_SECONDS)
        if child.exitcode is None:
            child.kill()
            child.join()
            raise TimeoutError(f"no end after {_SECONDS:.0f} s: imagekit {' '.join(words)}")
        out, err = (Path(folder, name).read_bytes() for name in ("out", "err"))
    return Completed(
        ("imagekit", *words), child.exitcode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"), out
    )


def _child(words: list[str], variables: dict[str, str], folder: str, streams: str) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    for number, name in ((1, "out"), (2, "err")):
        handle = os.open(Path(streams, name), os.O_WRONLY | os.O_CREAT)
        os.dup2(handle, number)
        os.close(handle)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - to the end of the process
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    sys.argv = ["imagekit", *words]
    from imagekit.cli import main

    main()
