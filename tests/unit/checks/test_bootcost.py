"""What a boot may cost, and which unit is named when it costs more."""

from __future__ import annotations

import pytest

from imagekit.checks.bootcost import BootCost

UNITS = {"sssd.service": 6.5, "ssh.service": 0.4, "chrony.service": 1.0, "auditd.service": 0.9}


@pytest.mark.parametrize(
    ("cost", "over"),
    [
        (BootCost(cpu_seconds=70.0), ""),
        (BootCost(cpu_seconds=60.0, budget=60.0, units=UNITS), ""),
        (BootCost(cpu_seconds=60.2, budget=60.0), "the boot took 60.2 CPU s, 60 are allowed"),
        (
            BootCost(cpu_seconds=71.0, budget=60.0, units=UNITS),
            "the boot took 71.0 CPU s, 60 are allowed; most of it in sssd.service 6.5 s, chrony.service 1.0 s, "
            "auditd.service 0.9 s",
        ),
        (
            BootCost(
                cpu_seconds=71.0, budget=60.0, units=UNITS, before={**UNITS, "sssd.service": 0.5}, since="20261128-1"
            ),
            "the boot took 71.0 CPU s, 60 are allowed; more than in run 20261128-1: sssd.service +6.0 s",
        ),
        (
            BootCost(cpu_seconds=71.0, budget=60.0, units=UNITS, before={"ssh.service": 0.4}, since="r"),
            "the boot took 71.0 CPU s, 60 are allowed; more than in run r: sssd.service +6.5 s, chrony.service +1.0 s, "
            "auditd.service +0.9 s",
        ),
        (
            BootCost(cpu_seconds=71.0, budget=60.0, units=UNITS, before=UNITS, since="r"),
            "the boot took 71.0 CPU s, 60 are allowed; most of it in sssd.service 6.5 s, chrony.service 1.0 s, "
            "auditd.service 0.9 s",
        ),
    ],
    ids=["no budget", "just within", "no unit known", "no run before", "one grew", "new units", "none grew"],
)
def test_over_its_budget(cost: BootCost, over: str) -> None:
    assert cost.over == over
