"""Both boot paths to SSH, against a plain Debian with cloud-init and dracut on the same QEMU."""

from __future__ import annotations

from imagekit.app import bootpath
from imagekit.app.needs import libvirt_uri
from imagekit.artifact.live import live_iso
from imagekit.bench.model import Goal, Row
from imagekit.bench.plain import PlainBoot, boot_plain
from imagekit.bench.reference import reference_image
from imagekit.bench.subject import BenchSubject
from imagekit.machine.interface import DISKLESS, BootPath, BootRecord
from imagekit.machine.libvirt.daemon import libvirt

GOALS = {BootPath.DIRECT: Goal(limit=0.4), BootPath.LIVE: Goal(limit=0.6)}
_AGAINST = "plain Debian, cloud-init, dracut"


def measure(bench: BenchSubject) -> list[Row]:
    """One boot each, one after another; wall seconds to the login and QEMU's processor seconds until then."""
    subject = bench.node()
    image = reference_image(bench.cache, bench.project.settings.debian_mirror)
    artifacts = bootpath.make_disks(subject)
    live_iso(artifacts)  # made once for a digest, no part of a boot
    uri = libvirt_uri(bench.project)
    boot_paths = []
    with libvirt(uri):
        plain = boot_plain(image, subject.shape, subject.harness, bench.scratch, uri)
        for boot_path in DISKLESS:
            with bootpath.machine_of(subject, artifacts, boot_path) as machine:
                boot_paths.append(machine.boot)
    return [row for record in boot_paths for row in rows_of(record, plain)]


def rows_of(record: BootRecord, plain: PlainBoot) -> tuple[Row, Row]:
    """The two rows of one boot path."""
    goal = GOALS[record.boot_path]
    note = f"{record.shape.cpus} CPUs, {record.shape.memory_mib} MiB, {record.accelerator}, QEMU {record.qemu_version}"
    return (
        Row(
            name=f"boot to SSH, {record.boot_path} boot path",
            measured=record.seconds_to_ssh,
            unit="s",
            against=_AGAINST,
            reference=plain.seconds_to_ssh,
            goal=goal,
            note=note,
        ),
        Row(
            name=f"boot to SSH, {record.boot_path} boot path, CPU",
            measured=record.cpu_seconds,
            unit="CPU s",
            against=_AGAINST,
            reference=plain.cpu_seconds,
            goal=goal,
        ),
    )
