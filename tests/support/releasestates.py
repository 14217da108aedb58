"""States of a release fixture that several tests begin from: made once in a session, then copied.

A decision takes some forty runs of git. Records name the registry by its port, so every copy answers on the same one.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.support.releasefixture import ReleaseFixture

_Known = TypeVar("_Known")
_STORED = ("blobs", "manifests", "tags", "requests", "received")


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port of 127.0.0.1 that nobody else is given until the block ends, and on which a server here may listen."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@dataclass(frozen=True, slots=True)
class _State:
    folder: Path
    stored: dict[str, object]
    minutes: int
    summaries: tuple[tuple[str, str], ...]
    known: object


@dataclass(frozen=True, slots=True)
class ReleaseStates:
    """The states that were made so far, by their names; `folder` holds their ledgers."""

    folder: Path
    made: dict[str, _State] = field(default_factory=dict)

    def begin(self, name: str, fixture: ReleaseFixture, make: Callable[[], _Known]) -> _Known:
        """Bring a fresh fixture to a state, by `make` the first time, and return what `make` returned."""
        if name not in self.made:
            known = make()
            self._keep(name, fixture, known)
            return known
        state = self.made[name]
        shutil.rmtree(fixture.root / "work")
        shutil.copytree(state.folder, fixture.root / "work", symlinks=True)
        for each, value in deepcopy(state.stored).items():
            setattr(fixture.simulator, each, value)
        fixture.minutes, fixture.summaries = state.minutes, list(state.summaries)
        return deepcopy(state.known)  # type: ignore[return-value]  # what `make` of this name returned

    def _keep(self, name: str, fixture: ReleaseFixture, known: object) -> None:
        folder = self.folder / name
        shutil.copytree(fixture.root / "work", folder, symlinks=True)
        stored = {each: deepcopy(getattr(fixture.simulator, each)) for each in _STORED}
        self.made[name] = _State(folder, stored, fixture.minutes, tuple(fixture.summaries), known)
