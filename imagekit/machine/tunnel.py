"""The way to a machine's SSH port: on this host there is none to go, from another host it is a tunnel of ssh's.

QEMU listens on 127.0.0.1 of the host that it runs on, so that nobody else in the network reaches a machine under test.
libvirt's ``qemu+ssh`` connects by the program ssh; the tunnel takes the same user, port and key
(https://libvirt.org/uri.html#ssh-transport).
"""

from __future__ import annotations

import random
import shlex
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from imagekit.base import process
from imagekit.base.reason import summary
from imagekit.base.waiting import Deadline, DeadlineError, wait_until
from imagekit.machine.domain import Forward
from imagekit.machine.errors import HypervisorError
from imagekit.machine.hosts import is_remote
from imagekit.machine.ports import is_free, reserved_port
from imagekit.machine.sshhost import ssh_command

_SECONDS = 30.0
_ATTEMPTS = 5
_PORTS = range(20000, 32000)  # below what Linux gives to programs that ask for no certain one


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`here` is the port of 127.0.0.1 that leads to the guest's SSH; the hypervisor forwards its own port `there`.

    `forwards` are the harness's servers by the ports that the hypervisor's host has them at.
    """

    here: int
    there: int
    forwards: tuple[Forward, ...] = ()


@contextmanager
def route(uri: str | None, forwards: tuple[Forward, ...] = ()) -> Iterator[Route]:
    """Ports for a machine at a connection address, and what leads to them, for the time of the block.

    Raises `HypervisorError` for another host that is not reached by ssh, or when ssh makes no tunnel to it.
    """
    with ExitStack() as stack:
        if not is_remote(uri):
            port = stack.enter_context(reserved_port())
            yield Route(here=port, there=port, forwards=forwards)
            return
        yield _tunnel(stack, str(uri), forwards)


def _tunnel(stack: ExitStack, uri: str, forwards: tuple[Forward, ...]) -> Route:
    """A tunnel that lives as long as `stack`; ports that are taken there are tried again with others."""
    here = stack.enter_context(reserved_port())
    words = ""
    for _attempt in range(_ATTEMPTS):
        ports = random.sample(_PORTS, 1 + len(forwards))
        with ExitStack() as attempt:
            log = Path(attempt.enter_context(tempfile.TemporaryDirectory(prefix="imagekit-ssh-"))) / "log"
            argv = _with_ports(ssh_command(uri), here, ports, forwards)
            child = attempt.enter_context(process.background(argv, log=log))
            try:
                ended_or_open = partial(_ended_or_open, child.poll, here)
                wait_until(ended_or_open, Deadline.after(_SECONDS), what=f"a tunnel to {uri}", every=0.05)
            except DeadlineError as error:
                words = str(error)
                continue
            if child.poll() is None:
                stack.push(attempt.pop_all())
                there = tuple(replace(each, host_port=port) for each, port in zip(forwards, ports[1:], strict=True))
                return Route(here=here, there=ports[0], forwards=there)
            words = log.read_text(errors="replace")
    raise HypervisorError(
        f"ssh made no tunnel to {uri}",
        hint=f"{summary(words)}\n`{shlex.join([*ssh_command(uri), 'true'])}` must succeed.",
    )


def _ended_or_open(status: Callable[[], int | None], port: int) -> bool:
    return status() is not None or not is_free(port)


def _with_ports(argv: list[str], here: int, ports: Sequence[int], forwards: Sequence[Forward]) -> list[str]:
    options = ["-N", "-o", "ExitOnForwardFailure=yes", "-o", "ServerAliveInterval=15"]
    options += ["-L", f"127.0.0.1:{here}:127.0.0.1:{ports[0]}"]
    for forward, port in zip(forwards, ports[1:], strict=True):
        options += ["-R", f"127.0.0.1:{port}:127.0.0.1:{forward.host_port}"]
    return [argv[0], *options, *argv[1:]]
