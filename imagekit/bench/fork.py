"""A fork of a saved node to SSH, against the cold boot of the same image that it came from."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack

from imagekit.app import bootpath
from imagekit.app.forks import session_machine
from imagekit.base import process
from imagekit.base.errors import ToolError
from imagekit.bench.model import Goal, Row, median
from imagekit.bench.subject import BenchSubject
from imagekit.machine.interface import DISKLESS, BootPath, BootRecord, Start

GOAL = Goal(limit=0.1)
_AGAINST = "the cold boot that was saved, same image and boot path"
_FORKS = 5
_AT_ONCE = 4


def measure(bench: BenchSubject) -> list[Row]:
    """On each diskless boot path one cold boot, then forks one after another; four at once on the first."""
    subject = bench.node()
    artifacts = bootpath.make_disks(subject)
    rows: list[Row] = []
    for boot_path in DISKLESS:
        machines = bootpath.LocalMachines(subject, artifacts, boot_path)
        with machines.provider():  # libvirt runs for all of them
            cold = _boot(machines, cold="measured by the benchmark")
            _boot(machines)  # saves the node, where a state of another day was too old
            forks = [_fork(machines) for _ in range(_FORKS)]
            rows += rows_of(boot_path, forks, cold)
            if boot_path is DISKLESS[0]:
                rows.append(_at_once(machines, cold))
    return rows


def rows_of(boot_path: BootPath, forks: Sequence[BootRecord], cold: BootRecord) -> tuple[Row, Row]:
    """The two rows of one boot path; medians."""
    seconds = [fork.seconds_to_ssh for fork in forks]
    note = f"median of {len(forks)}, {min(seconds):.1f} to {max(seconds):.1f} s; {cold.accelerator}"
    return (
        Row(
            name=f"fork to SSH, {boot_path} boot path",
            measured=median(seconds),
            unit="s",
            against=_AGAINST,
            reference=cold.seconds_to_ssh,
            goal=GOAL,
            note=note,
        ),
        Row(
            name=f"fork to SSH, {boot_path} boot path, CPU",
            measured=median(fork.cpu_seconds for fork in forks),
            unit="CPU s",
            against=_AGAINST,
            reference=cold.cpu_seconds,
        ),
    )


def _at_once(machines: bootpath.LocalMachines, cold: BootRecord) -> Row:
    """Wall seconds until each of several forks that start together has its login; all stay alive until then."""
    found: list[BootRecord] = []
    all_in = threading.Barrier(_AT_ONCE)

    def one() -> None:
        with session_machine(machines) as machine:
            found.append(machine.boot)
            all_in.wait(timeout=300.0)

    threads = [threading.Thread(target=one) for _ in range(_AT_ONCE)]
    begun = process.now()
    with ExitStack() as stack:
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
    if len(found) != _AT_ONCE or any(record.start is not Start.FORK for record in found):
        raise ToolError(f"{len(found)} of {_AT_ONCE} forks came up, and not all as forks")
    return Row(
        name=f"{_AT_ONCE} forks at once, to the last login and their end",
        measured=process.now() - begun,
        unit="s",
        against=_AGAINST,
        reference=cold.seconds_to_ssh,
    )


def _boot(machines: bootpath.LocalMachines, cold: str = "") -> BootRecord:
    with session_machine(machines, cold=cold) as machine:
        return machine.boot


def _fork(machines: bootpath.LocalMachines) -> BootRecord:
    found = _boot(machines)
    if found.start is not Start.FORK:
        raise ToolError(f"it was no fork: {found.reason}")
    return found
