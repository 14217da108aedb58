"""A hypervisor without guests: it takes the whole description of a machine and plays its console and its SSH server.

The second provider behind `imagekit.machine.provider`, so that starts, waits, ends and forks are unit tests.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import pytest

from imagekit.base.process import Completed
from imagekit.machine.accel import Acceleration
from imagekit.machine.domain import Domain
from imagekit.machine.errors import HypervisorError
from imagekit.machine.interface import Accelerator
from imagekit.machine.provider import Provider, RunningMachine

_PORT = re.compile(r"hostfwd=tcp:127\.0\.0\.1:(\d+)-:22")


class Saves(StrEnum):
    """How a guest's state gets to the disk."""

    WHOLE = "whole"
    NO_ROOM = "no room"
    KILLED = "killed in the middle"


@dataclass(slots=True)
class SimGuest:
    """A machine that is on until it is told otherwise."""

    domain: Domain
    running: bool = True
    cpu_seconds: float = 1.0
    crashed: bool = False
    pressed: int = 0
    saves: Saves = field(default_factory=lambda: Saves.WHOLE)

    def save(self, state: Path, *, standing: Callable[[], None]) -> None:
        """What QEMU's file begins with, and the machine's name."""
        text = b"QEVM" + self.domain.name.encode().ljust(8192, b".")
        state.write_bytes(text if self.saves is Saves.WHOLE else text[:4096])
        match self.saves:
            case Saves.WHOLE:
                standing()
            case Saves.NO_ROOM:
                raise HypervisorError("writing the state: failed: No space left on device")
            case Saves.KILLED:
                raise KeyboardInterrupt

    def press(self, codes: Sequence[int], *, held_ms: int) -> None:
        """Count the keys."""
        self.pressed += len(codes)


@dataclass(slots=True)
class SimProvider:
    """See `imagekit.machine.provider.Provider`.

    `says` is what a start writes to the console; a machine that `dies` is off after that, because its
    emulator `crashes` or for a reason of its own. `refuses` makes starts fail.
    With `greets` something at the machine's SSH port says what an SSH server says first. `saves` is how states of its
    machines are written; with `rejects` no machine goes on from one, as with one of another QEMU.
    """

    says: bytes = b""
    dies: bool = False
    crashes: bool = False
    refuses: str = ""
    greets: bool = True
    saves: Saves = Saves.WHOLE
    rejects: str = ""
    emulator: Path = Path("/usr/bin/qemu-simulated")
    qemu_version: str = "10.0.2"
    guests: list[SimGuest] = field(default_factory=list)
    known: list[RunningMachine] = field(default_factory=list)

    @contextmanager
    def connect(self, uri: str | None = None) -> Iterator[Provider]:
        """This provider, whatever the address."""
        yield self

    def acceleration(self, places: Sequence[Path]) -> Acceleration:
        """As the machine of reference."""
        return Acceleration(Accelerator.TCG, 1.0)

    @contextmanager
    def started(self, domain: Domain, template: Path) -> Iterator[SimGuest]:
        """A machine that is on for the time of the block."""
        if self.refuses:
            raise HypervisorError(self.refuses)
        if domain.incoming is not None:
            if self.rejects or not domain.incoming.state.read_bytes().startswith(b"QEVM"):
                raise HypervisorError(self.rejects or "Not a migration stream")
            domain.incoming.proven()
        else:
            with domain.console.open("ab") as console:
                console.write(self.says)
        guest = SimGuest(domain, running=not self.dies, crashed=self.crashes, saves=self.saves)
        self.guests.append(guest)
        try:
            with _greeting(domain) if self.greets and not self.dies else _silence():
                yield guest
        finally:
            guest.running = False

    def machines(self) -> list[RunningMachine]:
        """Those a test put in."""
        return list(self.known)

    def end(self, name: str) -> None:
        """Forget one."""
        self.known = [machine for machine in self.known if machine.name != name]


@contextmanager
def _greeting(domain: Domain) -> Iterator[None]:
    """An SSH server's first words at the port that the machine's network forwards."""
    found = _PORT.search(domain.netdev)
    assert found is not None
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", int(found[1])))
        server.listen()
        thread = threading.Thread(target=_greet, args=(server,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _greet(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.sendall(b"SSH-2.0-simulated\r\n")


@contextmanager
def _silence() -> Iterator[None]:
    yield


@pytest.fixture
def logged_in(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Logins that work at once; the commands that machines were given. Each answers with its own number."""
    given: list[str] = []

    @contextmanager
    def session(*_: object) -> Iterator[None]:
        yield

    def run_as_root(target: object, command: str, *, timeout: float, stdin: bytes | None = None) -> Completed:
        given.append(command)
        return Completed(("ssh",), 0, f"{len(given)}\n", "")

    monkeypatch.setattr("imagekit.machine.ssh.session", session)
    monkeypatch.setattr("imagekit.machine.ssh.run_as_root", run_as_root)
    return given
