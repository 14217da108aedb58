"""How many machines a host carries."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.vm.accel import Acceleration
from imagekit.vm.capacity import available_mib, machines_at_once
from imagekit.vm.interface import Accelerator, VmShape

TCG = Acceleration(Accelerator.TCG, 1.0)
KVM = Acceleration(Accelerator.KVM, 1.0)


@pytest.mark.parametrize(
    ("speed", "free_mib", "cores", "many"),
    [
        (TCG, 16384, 2, 2),
        (TCG, 16384, 8, 8),
        (KVM, 16384, 2, 4),
        (TCG, 3000, 8, 1),
        (TCG, 3700, 8, 2),
        (TCG, 100, 1, 1),
    ],
)
def test_memory_or_cores_decide(speed: Acceleration, free_mib: int, cores: int, many: int) -> None:
    assert machines_at_once(VmShape(memory_mib=1024), speed, free_mib=free_mib, cores=cores) == many


def test_this_host_carries_one_at_least() -> None:
    assert machines_at_once(VmShape(memory_mib=1 << 30), TCG) == 1


def test_the_kernels_estimate_is_read(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       100000 kB\nMemAvailable:    20480 kB\n")
    assert available_mib(meminfo) == 20
    meminfo.write_text("MemTotal: 1 kB\n")
    assert available_mib(meminfo) == 0
