"""Wall and processor seconds of a piece of work, and a line about the machine it was done on."""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagekit.base import process


@dataclass(slots=True)
class Cost:
    """What a block took: wall seconds, and processor seconds of this process with the children it waited for."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0


@contextmanager
def cost() -> Iterator[Cost]:
    """Measure a block; the numbers stand when it ended."""
    found = Cost()
    begun, cpu = process.now(), _cpu()
    try:
        yield found
    finally:
        found.seconds, found.cpu_seconds = process.now() - begun, _cpu() - cpu


def cost_of(argv: Sequence[str | Path], *, timeout: float, env: Mapping[str, str] | None = None) -> Cost:
    """Run a program and say what it took, its own children included; raises as `process.run` does."""
    before = _children()
    with cost() as found:
        process.run(argv, timeout=timeout, env=env)
    found.cpu_seconds = _children() - before
    return found


def load() -> float:
    """The load average of the last minute: what else this machine was doing."""
    return round(os.getloadavg()[0], 2)


def machine() -> str:
    """Processor, cores, memory and kernel of this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{os.cpu_count()} x {_processor()}, {memory:.0f} GiB, Linux {platform.release()}, load average {load():.1f}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.machine()


def _cpu() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime + _children()


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
