"""The stand-in's `k0s worker` as a process, with folders of its own."""

from __future__ import annotations

import os
import subprocess  # noqa: TID251 - the type of what `background` yields
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagekit.base.process import background
from imagekit.base.waiting import Deadline, wait_until
from imagekit.checks.joincause import JoinCause, cause_in

VERSION = "v1.34.2+k0s.0"
_SECONDS = 60.0


@dataclass
class Worker:
    """A worker that runs; `data` is its /var/lib/k0s."""

    name: str
    data: Path
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def journal(self) -> str:
        """All that it wrote."""
        return self.log.read_text(encoding="utf-8")

    def until(self, text: str) -> None:
        """Wait until it writes something."""
        wait_until(lambda: text in self.journal, Deadline.after(_SECONDS), what=f"{text!r} of {self.name}", hint="")

    def told(self) -> JoinCause:
        """Wait until its journal names a cause."""
        found: list[JoinCause] = []

        def known() -> bool:
            found[:] = [told for told in [cause_in(self.journal)] if told and "Bootstrapping client" not in told.line]
            return bool(found)

        wait_until(known, Deadline.after(_SECONDS), what="a cause", hint="")
        return found[0]


@contextmanager
def worker(program: Path, folder: Path, name: str, token: str | None, *args: str) -> Iterator[Worker]:
    """Run one until the block ends; `token` None leaves the file away, as on a node that has joined before."""
    data, log, file = folder / "k0s", folder / "journal", folder / "token"
    file.unlink(missing_ok=True)
    if token is not None:
        file.touch(mode=0o600)
        file.write_text(token)
    argv: list[str | Path] = [
        *(program, "k0s", "worker", f"--data-dir={data}", f"--token-file={file}"),
        *(f"--kubelet-extra-args=--hostname-override={name}", *args),
    ]
    environment = {"K0S_STANDIN_VERSION": VERSION, "PATH": os.environ["PATH"]}
    with background(argv, log=log, env=environment) as process:
        yield Worker(name, data, log, process)
