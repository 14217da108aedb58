"""Hosts that machines may run on, and how many of them side by side: data and pure functions.

A host is a libvirt connection address. Several addresses may lead to one computer (two daemons, a user's own and the
system's); its processors and its memory are then there once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
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

    They come one from each computer in turn, the most idle first, so that the first few are on as many. Addresses of
    one computer take turns on it. That somebody else's guests are busy does not make them fewer: it passes.
    """
    idle = sorted(loads, key=lambda load: _busy(loads, load.computer) - load.cores)
    computers = [[load for load in loads if load.computer == name] for name in dict.fromkeys(x.computer for x in idle)]
    each = [_carried(here, memory_mib, cpus) for here in computers]
    found = [uri for turn in zip_longest(*each) for uri in turn if uri is not None]
    return tuple(found) or tuple(load.uri for load in loads[:1])


def _carried(here: Sequence[HostLoad], memory_mib: int, cpus: int) -> list[str]:
    """The addresses of one computer, one for each machine that it carries."""
    number = min(here[0].cores // cpus, (here[0].free_mib - SPARE_MIB) // memory_mib)
    return [here[turn % len(here)].uri for turn in range(number)]


def _busy(loads: Sequence[HostLoad], computer: str) -> int:
    return sum(load.busy for load in loads if load.computer == computer)
