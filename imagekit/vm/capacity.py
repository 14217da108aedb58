"""How many machines fit side by side."""

from __future__ import annotations

import os
from pathlib import Path

from imagekit.vm.accel import Acceleration
from imagekit.vm.interface import Accelerator, VmShape

# QEMU's own memory beside the guest's: 90 MiB seen, more while it translates code; a TPM emulator adds 10.
_OVERHEAD_MIB = 256
# What stays for the host: page cache of the disks, the registry, the tests themselves.
_RESERVE_MIB = 1024
# One emulated machine kept 1.5 cores busy through a boot, of which a quarter is waiting for disk, menu and network.
_CORES = {Accelerator.TCG: 1.0, Accelerator.KVM: 0.5}


def machines_at_once(
    shape: VmShape, speed: Acceleration, *, free_mib: int | None = None, cores: int | None = None
) -> int:
    """How many machines of a shape this host carries without one slowing the other much; never less than one.

    `free_mib` and `cores` are this host's when not given.
    """
    memory = (available_mib() if free_mib is None else free_mib) - _RESERVE_MIB
    by_memory = memory // (shape.memory_mib + _OVERHEAD_MIB)
    by_cores = int((len(os.sched_getaffinity(0)) if cores is None else cores) / _CORES[speed.accelerator])
    return max(1, min(by_memory, by_cores))


def available_mib(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Memory that programs can still have, as the kernel estimates it, in MiB."""
    for line in meminfo.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) >> 10
    return 0
