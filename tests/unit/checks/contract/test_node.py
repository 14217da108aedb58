"""What a node is given to end its boot before its facts are taken."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import cast

import pytest

from imagekit.base.process import Completed
from imagekit.checks.contract.node import take_facts
from imagekit.machine.interface import Accelerator, BootPath, BootRecord, Machine, VmShape


def _booted(seconds: float) -> BootRecord:
    return BootRecord(
        boot_path=BootPath.INSTALLED,
        accelerator=Accelerator.TCG,
        qemu_version="10.0.0",
        machine="q35",
        cpu_model="maximum",
        shape=VmShape(),
        seconds_to_ssh=seconds,
        cpu_seconds=seconds,
        speed=1.0,
    )


@pytest.mark.parametrize(
    ("seconds_to_ssh", "limit"), [(30.0, 240), (157.0, 471), (543.0, 900)], ids=["stand-in", "real", "real, busy host"]
)
def test_the_end_of_a_boot_is_waited_for_as_long_as_its_login_took(seconds_to_ssh: float, limit: int) -> None:
    told: list[str] = []

    def run(command: str, *, timeout: float) -> Completed:
        told.append(command)
        return Completed((), 0, "\x1eend\n", "")

    take_facts(cast("Machine", SimpleNamespace(run=run, boot=_booted(seconds_to_ssh))))
    (found,) = re.findall(r"TIME_LIMIT=(\d+)", told[0])
    assert int(found) == limit
