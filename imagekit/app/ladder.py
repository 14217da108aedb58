"""The lifecycle ladder of an image: what is installed, what nodes are upgraded to, and how each scenario ended."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from imagekit.app.needs import libvirt_uri
from imagekit.app.node import Subject
from imagekit.app.release import registry_client
from imagekit.app.trusted import demand_not_yanked, trust_of
from imagekit.artifact.installed import installed_disk
from imagekit.artifact.live import live_artifacts
from imagekit.artifact.programs import find
from imagekit.config.merge import merged_cloud_config
from imagekit.machine.accel import Acceleration, acceleration
from imagekit.machine.folder import machines_folder, owned_folder
from imagekit.machine.interface import Accelerator, VmShape
from imagekit.machine.sweep import sweep
from imagekit.oci.reference import Reference
from imagekit.scenarios.machines import Rig, RigMachines
from imagekit.scenarios.model import Scenario, World
from imagekit.scenarios.runner import Told, lanes, run_scenarios
from imagekit.scenarios.start import Start, itself, pointers, pulled
from imagekit.scenarios.supply import supply
from imagekit.scenarios.table import chosen
from imagekit.services.libvirtd import libvirt

DEFAULT_CUTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for: `names` of scenarios (none is all), the start, power cuts, and the seed of what is random."""

    names: tuple[str, ...] = ()
    upgrade_from: str = ""
    cuts: int = DEFAULT_CUTS
    seed: int | None = None

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """The scenarios; raises `UnknownScenarioError`."""
        return chosen(self.names)

    @property
    def whole(self) -> bool:
        """Whether every scenario is asked for."""
        return len(self.scenarios) == len(chosen(()))

    @property
    def again(self) -> str:
        """The options that ask for the same again."""
        names = "".join(f" --scenario {name}" for name in self.names) or " --lifecycle"
        start = f" --upgrade-from {self.upgrade_from}" if self.upgrade_from else ""
        cuts = f" --cuts {self.cuts}" if self.cuts != DEFAULT_CUTS else ""
        return names + start + cuts + (f" --seed {self.seed}" if self.seed is not None else "")


def with_seed(wish: Wish) -> Wish:
    """The same wish with a seed, a fresh one when none was given."""
    if wish.seed is not None:
        return wish
    return Wish(names=wish.names, upgrade_from=wish.upgrade_from, cuts=wish.cuts, seed=secrets.randbelow(1 << 32))


def climb(subject: Subject, start: Start, wish: Wish) -> Iterator[Told]:
    """Run the scenarios on machines that have `start` installed; yields each result as it comes."""
    with ladder_world(subject, start, wish) as world:
        shape = ladder_shape(subject.shape, this_machine().accelerator)
        side_by_side = lanes(
            cores=os.cpu_count() or 1, free_mib=free_mib(), memory_mib=shape.memory_mib, cores_each=shape.cpus
        )
        yield from run_scenarios(wish.scenarios, world, scaled=this_machine().scaled, side_by_side=side_by_side)


def ladder_shape(shape: VmShape, accelerator: Accelerator) -> VmShape:
    """The machine of a scenario: one processor under emulation.

    QEMU 10.0 with two emulated processors was seen to end in a restart with "iotlb_to_section: Assertion failed", while
    one of them set up PCI; and two machines of one processor are quicker than one of two.
    """
    return replace(shape, cpus=1) if accelerator is Accelerator.TCG else shape


@contextmanager
def ladder_world(subject: Subject, start: Start, wish: Wish) -> Iterator[World]:
    """Machines, images and a registry for stories; all of it is gone when the block ends, the consoles stay."""
    project, uri, image = subject.project, libvirt_uri(subject.project), subject.image
    work = machines_folder(project.work)
    work.mkdir(parents=True, exist_ok=True)
    artifacts = live_artifacts(start.layout, start.digest, project.work / "disks", harness=subject.harness)
    disk = installed_disk(start.layout, start.digest, project.work / "disks")
    with ExitStack() as stack:
        stack.enter_context(libvirt(uri))
        sweep(uri, work=work)
        scratch = stack.enter_context(owned_folder(subject.run_id, work))
        other = start.digest != image.digest
        images, forward = stack.enter_context(
            supply(layout=image.layout, image=image.digest, version=image.version, itself=other, scratch=scratch)
        )
        rig = Rig(
            name=subject.name,
            run_id=subject.run_id,
            folder=subject.folder / "lifecycle",
            work=work,
            harness=subject.harness,
            disk=disk.path,
            artifacts=artifacts,
            shape=ladder_shape(subject.shape, this_machine().accelerator),
            scaled=this_machine().scaled,
            forwards=(forward,),
            cloud_config=merged_cloud_config([project.root / path for path in subject.spec.cloud_config]),
            uri=uri,
        )
        yield World(
            machines=RigMachines(rig),
            supply=images,
            installed_version=start.version,
            seed=wish.seed or 0,
            cuts=wish.cuts,
        )


def start_of(subject: Subject, wish: Wish) -> Start:
    """What is installed first: the named reference, what a channel points at, or the image itself.

    Raises `VerificationError` when it is not signed and tested, `YankedError` when somebody trusted denied it,
    `ConfigError` for a channel file that is wrong.
    """
    if wish.upgrade_from:
        return _pulled(subject, Reference.parse(wish.upgrade_from), "asked for")
    for pointer in pointers(subject.project.root / "channels", subject.name):
        if pointer.reference.digest != subject.image.digest:
            return _pulled(subject, pointer.reference, f"channel {pointer.channel}")
    return itself(subject.image.layout, subject.image.digest, subject.image.version)


def this_machine() -> Acceleration:
    """How guests run here, and how fast."""
    return acceleration(find("qemu-system-x86_64", "qemu-system-x86"))


def free_mib() -> int:
    """Memory that programs could still get, in MiB, by proc(5)."""
    from pathlib import Path

    lines = Path("/proc/meminfo").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("MemAvailable:"))) >> 10


def _pulled(subject: Subject, reference: Reference, said: str) -> Start:
    project = subject.project
    verifier = trust_of(project).verifier()
    with registry_client(project, reference.registry) as client:
        digest = demand_not_yanked(project, client, reference)
        return pulled(reference.at(digest), client, verifier, project.work / "pulled", said=said)
