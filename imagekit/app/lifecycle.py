"""The lifecycle scenarios of an image: what is installed, what nodes are upgraded to, and how each scenario ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from imagekit.app.hosts import acceleration_at, host, loads_of
from imagekit.app.interface import Subject
from imagekit.app.needs import libvirt_uris
from imagekit.app.release import registry_client
from imagekit.app.trusted import publish_verifier, require_not_yanked
from imagekit.artifact.installed import installed_disk
from imagekit.artifact.live import live_artifacts
from imagekit.config.merge import merged_cloud_config
from imagekit.machine.folder import machines_folder, owned_folder
from imagekit.machine.hosts import lanes
from imagekit.machine.interface import Accelerator, VmShape
from imagekit.oci.reference import Digest, Reference
from imagekit.scenarios.machines import Rig, RigMachines
from imagekit.scenarios.model import World
from imagekit.scenarios.options import ScenarioOptions
from imagekit.scenarios.runner import ScenarioRun, run_scenarios
from imagekit.scenarios.start import Pointer, Start, itself, pointers, pulled
from imagekit.scenarios.supply import supply
from imagekit.trust.gate.policy import load_policy


def run_lifecycle(subject: Subject, start: Start, options: ScenarioOptions) -> Iterator[ScenarioRun]:
    """Run the scenarios on machines that have `start` installed; yields each result as it comes."""
    loads = loads_of(subject.project, libvirt_uris(subject.project))
    slowest = min((acceleration_at(subject.project, load.uri) for load in loads), key=lambda each: each.speed)
    shape = lifecycle_shape(subject.shape, slowest.accelerator)
    uris = lanes(loads, memory_mib=shape.memory_mib, cpus=shape.cpus)
    with lifecycle_worlds(subject, start, options, tuple(dict.fromkeys(uris))) as worlds:
        yield from run_scenarios(options.scenarios, [worlds[uri] for uri in uris], scaled=slowest.scaled)


def lifecycle_shape(shape: VmShape, accelerator: Accelerator) -> VmShape:
    """The machine of a scenario: one processor under emulation.

    QEMU 10.0 with two emulated processors was seen to end in a restart with "iotlb_to_section: Assertion failed", while
    one of them set up PCI; and two machines of one processor are quicker than one of two.
    """
    return replace(shape, cpus=1) if accelerator is Accelerator.TCG else shape


@contextmanager
def lifecycle_worlds(
    subject: Subject, start: Start, options: ScenarioOptions, uris: Sequence[str]
) -> Iterator[dict[str, World]]:
    """Machines, images and a registry for scenarios at each of some hosts; the images and the registry are the same.

    All of it is gone when the block ends, the consoles stay.
    """
    project, image = subject.project, subject.image
    work = machines_folder(project.work)
    work.mkdir(parents=True, exist_ok=True)
    artifacts = live_artifacts(start.layout, start.digest, project.work / "disks", harness=subject.harness)
    disk = installed_disk(start.layout, start.digest, project.work / "disks")
    with ExitStack() as stack:
        for uri in uris:
            stack.enter_context(host(project, uri))
        scratch = stack.enter_context(owned_folder(subject.run_id, work))
        other = start.digest != image.digest
        images, forward = stack.enter_context(
            supply(layout=image.layout, image=image.digest, version=image.version, itself=other, scratch=scratch)
        )
        rigs = {
            uri: Rig(
                name=subject.name,
                run_id=subject.run_id,
                folder=subject.folder / "lifecycle",
                work=work,
                scratch=scratch / f"host{number}",
                harness=subject.harness,
                disk=disk.path,
                artifacts=artifacts,
                shape=lifecycle_shape(subject.shape, acceleration_at(project, uri).accelerator),
                forwards=(forward,),
                cloud_config=merged_cloud_config([project.root / path for path in subject.spec.cloud_config]),
                cold=options.cold or project.settings.forks.gib == 0,
                uri=uri,
                first_boot=f"first-boot-{number}" if number else "first-boot",
            )
            for number, uri in enumerate(uris)
        }
        yield {
            uri: World(
                machines=RigMachines(rig),
                supply=images,
                installed_version=start.version,
                seed=options.seed or 0,
                cuts=options.cuts,
                state=project.state_of(subject.spec),
                host=uri if len(uris) > 1 else "",
            )
            for uri, rig in rigs.items()
        }


def start_of(subject: Subject, options: ScenarioOptions) -> Start:
    """What is installed first: the named reference, what a channel points at, or the image itself.

    Raises `VerificationError` when it is not signed and tested, `YankedError` when somebody trusted denied it,
    `ConfigError` for a channel file that is wrong.
    """
    if options.upgrade_from:
        return _pulled(subject, Reference.parse(options.upgrade_from), "asked for")
    for pointer in _pointers(subject):
        if pointer.reference.digest != subject.image.digest:
            return _pulled(subject, pointer.reference, f"channel {pointer.channel}")
    return itself(subject.image.layout, subject.image.digest, subject.image.version)


def origin_digest(subject: Subject, options: ScenarioOptions) -> Digest | None:
    """The digest of `start_of` without asking a registry; None where only a registry can tell.

    Raises `ConfigError` for a channel file that is wrong.
    """
    if options.upgrade_from:
        return Reference.parse(options.upgrade_from).digest
    others = (pointer.reference.digest for pointer in _pointers(subject))
    return next((digest for digest in others if digest != subject.image.digest), subject.image.digest)


def _pointers(subject: Subject) -> Iterator[Pointer]:
    """What the channels of the policy point at, the last (nearest to production) first, where the ledger is kept."""
    project = subject.project
    channels = tuple(load_policy(project.root).channels)[::-1]
    return pointers(project.root / project.settings.ledger / "channels", subject.name, channels)


def _pulled(subject: Subject, reference: Reference, said: str) -> Start:
    project = subject.project
    verifier = publish_verifier(project)
    with registry_client(project, reference.registry) as client:
        digest = require_not_yanked(project, client, reference)
        return pulled(reference.at(digest), client, verifier, project.work / "pulled", said=said)
