"""From an image's name or reference to the facts of every run that is asked, and to what the checks say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from imagekit.app.image import built
from imagekit.app.needs import host_of, libvirt_uri
from imagekit.app.release import registry_client
from imagekit.app.runs import new_run
from imagekit.app.trusted import require_not_yanked
from imagekit.artifact.installed import installed_disk
from imagekit.artifact.live import LiveArtifacts, live_artifacts
from imagekit.base.errors import ConfigError
from imagekit.base.log import step
from imagekit.base.strictjson import MANIFEST_FIELDS, read_object
from imagekit.checks.contract.image import image_facts
from imagekit.checks.contract.life import DISK_MIB, disk_run, installed_run, live_run
from imagekit.checks.contract.model import Conformance, ContractPath, ContractRun, Phase, RunFacts, write_facts
from imagekit.checks.contract.node import Place
from imagekit.checks.contract.suite import judge
from imagekit.config.load import Project
from imagekit.doctor.check import VERIFY, require
from imagekit.machine.folder import machines_folder
from imagekit.machine.libvirt.daemon import libvirt
from imagekit.machine.sweep import sweep
from imagekit.oci.manifest import Manifest
from imagekit.oci.reference import Digest, Reference
from imagekit.plan.resolve import make_plan
from imagekit.registry.pull import pull_image

FACTS = "conformance.json"
_PLATFORM = ("linux", "amd64")


@dataclass(frozen=True, slots=True)
class ContractSubject:
    """What is looked at: an OCI layout and the digest of a manifest in it."""

    name: str
    layout: Path
    digest: Digest


def built_subject(project: Project, name: str) -> ContractSubject:
    """An image of the project, built when it is not yet."""
    image = built(project, make_plan(project, name))
    return ContractSubject(name, image.layout, image.digest)


def fetched_subject(project: Project, reference: Reference) -> ContractSubject:
    """An image from a registry, every blob hashed; of an index the image for amd64, which is what machines here are.

    Raises `RefusedError` when it is not there, `YankedError` when it, or the index it is in, was withdrawn.
    """
    with registry_client(project, reference.registry) as client:
        found = client.manifest(reference.repository, require_not_yanked(project, client, reference))
        digest = _for_amd64(found, reference) if found.children else found.digest
        require_not_yanked(project, client, reference.at(digest))
        layout = project.work / "fetched" / digest.hex
        pull_image(client, reference.repository, digest, layout)
    return ContractSubject(str(reference), layout, digest)


def _for_amd64(index: Manifest, reference: Reference) -> Digest:
    # https://github.com/opencontainers/image-spec/blob/main/image-index.md: attestations have platform unknown/unknown
    entries = read_object(index.raw, str(reference), fields=MANIFEST_FIELDS)["manifests"]
    platforms = [(entry.get("platform") or {}, entry["digest"]) for entry in entries]
    fitting = [Digest(name) for each, name in platforms if (each.get("os"), each.get("architecture")) == _PLATFORM]
    if len(fitting) != 1:
        said = ", ".join(f"{each.get('os')}/{each.get('architecture')}" for each, _ in platforms)
        raise ConfigError(
            f"{reference} is an index with {len(fitting)} images for linux/amd64 (it has {said})",
            hint="Name the image itself: HOST/repository@sha256:...",
        )
    return fitting[0]


def subject_of(project: Project, name: str) -> ContractSubject:
    """What a name on the command line means: a reference has a slash, an image of the project has none."""
    return fetched_subject(project, Reference.parse(name)) if "/" in name else built_subject(project, name)


def conformance(project: Project, subject: ContractSubject, contract_runs: Sequence[ContractRun]) -> Conformance:
    """Record the facts of the runs, keep them with the consoles in a folder of runs, and judge them."""
    run_id, folder = new_run(project.work)
    found = record(project, subject, contract_runs, run_id, folder)
    write_facts(found, folder / FACTS)
    return judge(
        project.located("tests/conformance"), folder, f"{subject.name} {subject.digest}", contract_runs, folder / FACTS
    )


def record(
    project: Project, subject: ContractSubject, contract_runs: Sequence[ContractRun], run_id: str, folder: Path
) -> dict[str, RunFacts]:
    """The facts of all these runs; what a node did not come to is said in `RunFacts.broken`, never left out."""
    found: dict[str, RunFacts] = {}
    for contract_run in contract_runs:
        if contract_run.boot_path is ContractPath.IMAGE:
            found[contract_run.name] = RunFacts({Phase.IMAGE: image_facts(subject.layout, subject.digest)})
    booted = [contract_run for contract_run in contract_runs if contract_run.boot_path is not ContractPath.IMAGE]
    if booted:
        require(VERIFY, host_of(project))
        uri = libvirt_uri(project)
        with libvirt(uri):
            sweep(uri, work=machines_folder(project.work))
            for contract_run in sorted(booted, key=lambda contract_run: contract_run.boot_path is ContractPath.LIVE):
                if contract_run.name not in found:
                    found |= _walk(project, subject, contract_run, run_id, folder)
    return found


def _walk(
    project: Project, subject: ContractSubject, contract_run: ContractRun, run_id: str, folder: Path
) -> dict[str, RunFacts]:
    """One run; that of the installed boot path passes the live system, so its facts come with it."""
    place = Place(
        artifacts=_artifacts(project, subject),
        harness=project.harness,
        work=machines_folder(project.work),
        folder=folder,
        run_id=run_id,
        uri=libvirt_uri(project),
    )
    with step(f"Run {contract_run.name}"):
        match contract_run.boot_path:
            case ContractPath.INSTALLED:
                live, installed = installed_run(place, contract_run)
                return {contract_run.name: installed, ContractRun(ContractPath.LIVE, contract_run.firmware).name: live}
            case ContractPath.DISK:
                disks = project.work / "disks"
                disk = installed_disk(subject.layout, subject.digest, disks, size=DISK_MIB << 20)
                return {contract_run.name: disk_run(place, contract_run, disk.path)}
            case _:
                return {contract_run.name: live_run(place, contract_run.firmware)}


def _artifacts(project: Project, subject: ContractSubject) -> LiveArtifacts:
    harness = project.harness
    return live_artifacts(subject.layout, subject.digest, project.work / "disks", harness=harness)


@cache
def _kept() -> dict[str, RunFacts]:
    return {}


def recorded(project: Project, name: str, contract_run: ContractRun, asked: Sequence[ContractRun]) -> RunFacts:
    """The facts of one run of those that this process asks for, each recorded once."""
    kept = _kept()
    if contract_run.name not in kept:
        # All that needs a machine is recorded together, so that the boot paths share it.
        together = [
            one
            for one in asked
            if (one.boot_path is ContractPath.IMAGE) == (contract_run.boot_path is ContractPath.IMAGE)
        ]
        run_id, folder = new_run(project.work)
        kept |= record(project, built_subject(project, name), together, run_id, folder)
        write_facts(kept, folder / FACTS)
    return kept[contract_run.name]
