"""The boot: complete, and without a complaint. What only the boot itself can show is judged on cold boots alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from testinfra.host import Host

from imagekit.checks.bootcost import BootCost
from imagekit.checks.facts import Facts
from imagekit.checks.session import Session

pytestmark = pytest.mark.runbook("boot")
# systemd.syntax(7): how its parser begins, after file and line, what ends in "ignoring".
_PASSED_OVER = (
    "^/[^ ]+:[0-9]+: (Unknown (key|section|lvalue)|Assignment outside|Missing|Invalid section|Failed to parse)"
)


def test_the_system_is_up(host: Host, facts: Facts, session: Session) -> None:
    """systemd calls the node running: everything started and nothing failed."""
    if facts.state == "running":
        return
    # A unit that never ends its start keeps systemd waiting for ever; the time left of the check is for its name.
    host.run(f"timeout {session.check_seconds / 2:.0f} systemctl is-system-running --wait")
    state = host.run("systemctl is-system-running").stdout.strip()
    assert state == "running", f"systemd calls the node {state}{_in_the_way(host)}"


def _in_the_way(host: Host) -> str:
    """Units that failed, and those that systemd still starts, in words."""
    failed = host.run("systemctl list-units --failed --plain --no-legend --no-pager").stdout.splitlines()
    jobs = host.run("systemctl list-jobs --no-legend --no-pager").stdout.splitlines()
    starting = [job.split()[1] for job in jobs if job.split()[-1:] == ["running"]]
    words = {"failed": [line.split()[0] for line in failed if line.strip()], "still starting": starting}
    return "".join(f"; {word}: {', '.join(names)}" for word, names in words.items() if names)


def test_no_unit_failed(facts: Facts) -> None:
    """No unit is in state failed."""
    assert [name for name, unit in facts.units.items() if unit.active == "failed"] == []


def test_nothing_is_left_to_start(host: Host) -> None:
    """systemd has no job waiting."""
    assert host.run("systemctl list-jobs --no-legend --no-pager").stdout.strip() == ""


def test_no_unit_file_is_broken(facts: Facts) -> None:
    """No unit has a file that systemd cannot use."""
    assert [name for name, unit in facts.units.items() if unit.load in ("error", "bad-setting")] == []


def test_every_line_of_systemds_files_is_understood(root: Host) -> None:
    """systemd and its daemons pass over no line of a unit or a settings file."""
    # What is passed over has no effect and stops nothing: a server of time, a limit, a dependency that nobody misses.
    said = root.run(f"journalctl -b -q --no-pager -o cat -g '{_PASSED_OVER}'").stdout.splitlines()
    assert said == [], "passed over: " + "; ".join(dict.fromkeys(said[:8]))


@pytest.mark.cold_boot
def test_no_ordering_cycle(root: Host) -> None:
    """systemd deleted no job to break an ordering cycle."""
    # systemd tells the cycle link by link, then which job it deleted, which is what is missing now. It does so before
    # there is a journal, through the kernel's log: such a line has no _PID.
    said = root.run("journalctl -b -q --no-pager -t systemd -g 'ordering cycle' -o cat").stdout.splitlines()
    assert said == [], "; ".join(sorted(said[:8], key=lambda line: "deleted" not in line))


@pytest.mark.cold_boot
def test_the_kernel_had_no_accident(root: Host) -> None:
    """The kernel reported no oops, no bug, no lockup and killed nothing for want of memory."""
    trouble = re.compile(r"\bOops\b|kernel BUG|BUG: |soft lockup|general protection|Out of memory|Call Trace")
    lines = root.run("dmesg").stdout.splitlines()
    assert lines, "the kernel's log is empty"
    assert [line for line in lines if trouble.search(line)] == []


@pytest.mark.cold_boot
def test_the_boot_is_within_its_budget(boot_cost: BootCost) -> None:
    """The boot cost no more processor time than images.yaml allows the image (vm.boot_budget), where it says so."""
    assert boot_cost.cpu_seconds > 0
    assert boot_cost.over == ""


def test_the_default_target_is_without_a_desktop(host: Host) -> None:
    """The node boots to multi-user.target."""
    assert host.run("systemctl get-default").stdout.strip() == "multi-user.target"


@pytest.mark.cold_boot
def test_the_journal_is_kept_from_the_start(root: Host) -> None:
    """journald runs and has this boot's first kernel line."""
    first = root.run("journalctl -b -k -q --no-pager -o cat -n all | head -n 1").stdout
    assert "Linux version" in first or "Command line" in first


def test_one_kernel_and_it_runs(host: Host) -> None:
    """The image holds exactly one kernel, and it is the one that runs."""
    assert host.file("/usr/lib/modules").listdir() == [host.sysctl("kernel.osrelease")]


def test_the_kernel_is_where_the_framework_looks(host: Host) -> None:
    """/boot/vmlinuz leads to a kernel below /boot."""
    kernel = host.file("/boot/vmlinuz")
    assert kernel.linked_to.startswith("/boot/vmlinuz")
    assert kernel.size > 0


def test_the_initrd_is_where_the_framework_looks(host: Host) -> None:
    """/boot/initrd is a regular file with content."""
    initrd = host.file("/boot/initrd")
    assert (initrd.is_file, initrd.is_symlink) == (True, False)
    assert initrd.size > 1_000_000


@pytest.mark.runbook("time")
def test_the_clock_is_looked_after(host: Host, facts: Facts) -> None:
    """A time service is enabled and runs, and the clock is kept in UTC."""
    services = ("systemd-timesyncd.service", "chronyd.service", "chrony.service")
    assert any(host.service(name).is_running for name in services)
    assert facts.hardware_clock == "UTC"


@pytest.mark.runbook("time")
def test_the_clock_is_right(host: Host) -> None:
    """The node's clock is within two minutes of this host's."""
    node, here = int(host.run("date +%s").stdout), int(datetime.now(UTC).timestamp())
    assert abs(node - here) < 120, f"the node's clock says {_instant(node)}, this host's {_instant(here)}"


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
