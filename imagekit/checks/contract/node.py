"""Take the facts of running nodes: one script for what is, one for each kind of question."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagekit.artifact.live import LiveArtifacts
from imagekit.base.log import step
from imagekit.checks.contract import questions
from imagekit.checks.contract.config import probe_config
from imagekit.checks.contract.facts import NodeFacts, parse_sections
from imagekit.config.model import Firmware
from imagekit.machine.boot import BootRequest, boot
from imagekit.machine.domain import Disk
from imagekit.machine.interface import BootPath, Machine, VmShape
from imagekit.machine.machine import NodeMachine

LIVE_NAME = "conformance-live"
DEVICE = "/dev/vda"  # the machine's own disk comes before its media
# Seconds from the login to the end of the boot with the node and the machine of reference, and what each has at least.
_TIME_LIMIT, _LEAST = 90.0, 240.0
_SECONDS = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where machines come from and what they leave: `folder` keeps consoles, `work` disks; `run_id` marks machines."""

    artifacts: LiveArtifacts
    harness: Path
    work: Path
    folder: Path
    run_id: str
    uri: str | None = None
    memory_mib: int = 2048


def ask(machine: Machine, script: str, *, timeout: float = _SECONDS) -> dict[str, str]:
    """Run one of the scripts of `questions` as root; raises `NoFactError` when it did not come to its end."""
    return parse_sections(machine.run(script, timeout=timeout).stdout)


def take_facts(machine: Machine, *more: dict[str, str]) -> NodeFacts:
    """What the node is now, and the answers that it gave before."""
    with step("Taking the facts of the node") as reported:
        found = ask(machine, questions.probe(round(max(_LEAST, machine.boot.scaled(_TIME_LIMIT)))))
        reported.note = f"{len(found)} sections"
    return NodeFacts({key: text for part in (found, *more) for key, text in part.items()})


@contextmanager
def live_node(place: Place, firmware: Firmware, disk: Path) -> Iterator[NodeMachine]:
    """A machine that booted from the live medium beside an empty disk, probed with a cloud-config of its own."""
    request = BootRequest(
        name=LIVE_NAME,
        run_id=place.run_id,
        artifacts=place.artifacts,
        folder=place.folder / f"live-{firmware}",
        harness=place.harness,
        boot_path=BootPath.LIVE,
        shape=VmShape(memory_mib=place.memory_mib, firmware=firmware),
        cloud_config=probe_config(LIVE_NAME),
        disks=(Disk(path=disk, serial="system", readonly=False, format="qcow2"),),
        uri=place.uri,
    )
    with boot(request) as machine:
        yield machine


def live_facts(machine: Machine) -> NodeFacts:
    """The facts of a live node, with its answers."""
    facts = take_facts(machine)
    with step("Asking the live node"):
        return NodeFacts({**facts.sections, **ask(machine, questions.live_questions(DEVICE))})
