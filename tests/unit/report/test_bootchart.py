from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.report.bootchart import BootChartError, parse_chart
from imagekit.report.console import excerpt

ANSWER = """\
InitRDTimestampMonotonic=0
UserspaceTimestampMonotonic=3900000
FinishTimestampMonotonic=18000000

Id=ssh.service
ActiveState=active
InactiveExitTimestampMonotonic=9000000
ActiveEnterTimestampMonotonic=9500000

Id=-.slice
ActiveState=active
InactiveExitTimestampMonotonic=0
ActiveEnterTimestampMonotonic=0

Id=bad\x1b[31m.service
ActiveState=failed
InactiveExitTimestampMonotonic=10000000
ActiveEnterTimestampMonotonic=0

Id=later.service
ActiveState=active
InactiveExitTimestampMonotonic=28000000
ActiveEnterTimestampMonotonic=28500000
"""


def test_chart() -> None:
    chart = parse_chart(ANSWER)
    assert (chart.kernel, chart.initrd, chart.userspace, chart.finished) == (3.9, 0.0, 3.9, 18.0)
    assert [(unit.name, unit.seconds, unit.failed) for unit in chart.units] == [
        ("ssh.service", 0.5, False),
        ("bad.service", 0.0, True),
    ]


@pytest.mark.parametrize(
    ("used", "cpu"), [("1234567890", 1.235), ("[not set]", 0.0), ("18446744073709551615", 0.0), ("", 0.0)]
)
def test_what_a_unit_cost(used: str, cpu: float) -> None:
    chart = parse_chart(ANSWER.replace("Id=ssh.service\n", f"Id=ssh.service\nCPUUsageNSec={used}\n"))
    assert [unit.cpu for unit in chart.units if unit.name == "ssh.service"] == [cpu]


def test_a_unit_that_is_up_at_once_and_costs_is_told() -> None:
    quick = ANSWER.replace("ActiveEnterTimestampMonotonic=9500000", "ActiveEnterTimestampMonotonic=9000001")
    assert [unit.name for unit in parse_chart(quick).units] == ["bad.service"]
    costly = quick.replace("Id=ssh.service\n", "Id=ssh.service\nCPUUsageNSec=700000000\n")
    assert [unit.name for unit in parse_chart(costly).units] == ["ssh.service", "bad.service"]


def test_an_initrd_with_systemd_ends_the_kernel() -> None:
    chart = parse_chart(ANSWER.replace("InitRDTimestampMonotonic=0", "InitRDTimestampMonotonic=2000000"))
    assert (chart.kernel, chart.initrd) == (2.0, 2.0)


@pytest.mark.parametrize("text", ["", "sh: systemctl: not found"])
def test_no_systemd(text: str) -> None:
    with pytest.raises(BootChartError):
        parse_chart(text)


def test_console_excerpt(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(b"\n".join(b"line %d \x1b[31m\xff" % n for n in range(1, 1001)))
    kept = excerpt(log, {100: "oops", 5000: "beyond"})
    assert kept.total == 1000
    assert [line.number for line in kept.lines][:6] == [98, 99, 100, 101, 102, 961]
    assert kept.matches[0].matched == "oops"
    assert "\x1b" not in kept.lines[0].text
    assert excerpt(tmp_path / "none", {}).lines == ()
    log.write_bytes(b"")
    assert excerpt(log, {}).total == 0
    log.write_bytes(b"one\n")
    assert excerpt(log, {}).total == 1
