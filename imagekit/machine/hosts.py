"""Hosts that machines may run on, and how many of them side by side: data and pure functions.

A host is a libvirt connection address. Several addresses may lead to one computer (two daemons, a user's own and the
system's); its processors and its memory are then there once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

SPARE_MIB = 1024
"""Memory of a host that machines leave to all else, in MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLoad:
    """What a host has and what it is busy with, as libvirt says.

    `computer` is the name of the machine itself; `busy` the virtual processors of all its running guests; `free_mib`
    the memory that another guest could get, in MiB.
    """

    uri: str
    computer: str
    cores: int
    busy: int
    free_mib: int


def is_remote(uri: str | None) -> bool:
    """Whether an address leads to another host: it names one (``qemu+ssh://HOST/system``)."""
    return uri is not None and bool(urlsplit(uri).hostname)


def freest(loads: Sequence[HostLoad], *, memory_mib: int) -> HostLoad | None:
    """The host with the most idle processors, then the most memory, of those where a guest fits; None where none does.

    Of equals the first.
    """
    fitting = [load for load in loads if memory_mib <= load.free_mib]
    return max(fitting, key=lambda load: (load.cores - _busy(loads, load.computer), load.free_mib), default=None)


def lanes(loads: Sequence[HostLoad], *, memory_mib: int, cpus: int) -> tuple[str, ...]:
    """Where machines run side by side: an address for each, as many as processors and memory carry, at least one.

    Addresses of one computer take turns on it. That somebody else's guests are busy does not count: it passes, and a
    machine that waits for it would wait for the longest.
    """
    found: list[str] = []
    for computer in dict.fromkeys(load.computer for load in loads):
        here = [load for load in loads if load.computer == computer]
        carried = min(here[0].cores // cpus, (here[0].free_mib - SPARE_MIB) // memory_mib)
        found += [here[number % len(here)].uri for number in range(carried)]
    return tuple(found) or tuple(load.uri for load in loads[:1])


def _busy(loads: Sequence[HostLoad], computer: str) -> int:
    return sum(load.busy for load in loads if load.computer == computer)
