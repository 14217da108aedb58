"""An installed node to SSH, through firmware and GRUB, against the live boot path of the same image."""

from __future__ import annotations

from imagekit.app import bootpath
from imagekit.app.needs import libvirt_uri
from imagekit.artifact.live import live_iso
from imagekit.bench.model import Goal, Row
from imagekit.bench.subject import BenchSubject
from imagekit.machine.interface import BootPath, BootRecord
from imagekit.machine.libvirt.daemon import libvirt

GOAL = Goal(limit=1.5)
_AGAINST = "live boot path of the same image"


def measure(bench: BenchSubject) -> list[Row]:
    """One live boot, then the first boot of a node from the disk builder and its second, one after another."""
    subject = bench.node()
    artifacts = bootpath.make_disks(subject)
    live_iso(artifacts)  # made once for a digest, no part of a boot
    bootpath.make_installed_disk(subject)
    with libvirt(libvirt_uri(bench.project)):
        with bootpath.machine_of(subject, artifacts, BootPath.LIVE) as machine:
            live = machine.boot
        with bootpath.installed_machine(subject) as installed:
            first = installed.boot
            installed.shutdown()
            installed.start(media=())
            second = installed.wait_boot()
    return [*rows_of("first", first, live), *rows_of("second", second, live)]


def rows_of(which: str, record: BootRecord, live: BootRecord) -> tuple[Row, Row]:
    """The two rows of one boot."""
    phases = ", ".join(f"{phase.name} {phase.seconds:.1f} s" for phase in record.phases)
    return (
        Row(
            name=f"{which} boot to SSH, installed boot path",
            measured=record.seconds_to_ssh,
            unit="s",
            against=_AGAINST,
            reference=live.seconds_to_ssh,
            goal=GOAL,
            note=f"{record.shape.firmware}: {phases}",
        ),
        Row(
            name=f"{which} boot to SSH, installed boot path, CPU",
            measured=record.cpu_seconds,
            unit="CPU s",
            against=_AGAINST,
            reference=live.cpu_seconds,
            goal=GOAL,
        ),
    )
