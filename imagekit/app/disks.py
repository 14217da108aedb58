"""Disks of an image: of the project's own, built when it was not, or of a registry, pulled by digest and verified."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.app.image import built
from imagekit.app.release import reference_of, registry_client
from imagekit.app.trusted import publish_verifier, require_not_listed, require_not_yanked
from imagekit.artifact import formats
from imagekit.artifact.flatroot import flat_root
from imagekit.artifact.formats import DiskFormat, whole_file
from imagekit.artifact.installed import InstalledDisk, created, installed_disk, write_installed
from imagekit.artifact.ova import controller_for, write_ova
from imagekit.artifact.releaseiso import write_iso
from imagekit.base.log import step
from imagekit.config.load import Project
from imagekit.oci.reference import Digest, Reference
from imagekit.plan.resolve import make_plan

if TYPE_CHECKING:
    from imagekit.registry.client import Registry
    from imagekit.trust.sign.interface import Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSource:
    """The image that disks are made of, and where it is (to be) published."""

    name: str
    version: str
    layout: Path
    manifest: Digest
    published: Reference


def source_of(project: Project, text: str, *, verifier: Verifier | None = None) -> DiskSource:
    """An image by its name in the project, or by a registry reference (anything with a slash).

    A reference is verified as `imagekit verify` does, by `verifier` or the project's trusted keys, before anything is
    made of it; its blobs are hashed as they come. Raises `ConfigError` for a name that is not there,
    `VerificationError` for an image that does not verify, `YankedError` for one that was withdrawn.
    """
    if "/" in text:
        return _pulled(project, Reference.parse(text), verifier)
    plan = make_plan(project, text)
    image = built(project, plan)
    require_not_listed(project, text, image.digest)
    target = reference_of(project, text, plan.version)
    return DiskSource(
        name=text, version=plan.version, layout=image.layout, manifest=image.digest, published=target.at(image.digest)
    )


def cached_disk(project: Project, source: DiskSource, *, size: int | None = None) -> InstalledDisk:
    """The installed disk of an image, kept in the project's work folder; see `installed_disk`."""
    return installed_disk(source.layout, source.manifest, project.work / "disks", size=size)


def write_disk_file(
    project: Project,
    source: DiskSource,
    form: DiskFormat,
    target: Path,
    *,
    size: int | None = None,
    config: Path | None = None,
) -> Path:
    """Write a disk of an image to the file `target`, with its checksum beside it; returns `target`.

    `size` (bytes) is that of an installed disk, `config` a cloud-config for an ISO.
    """
    with whole_file(target) as fresh, step(f"Writing {target.name}"):
        match form:
            case DiskFormat.RAW:
                write_installed(source.layout, source.manifest, fresh, size=size)
            case DiskFormat.QCOW2:
                formats.to_qcow2(cached_disk(project, source, size=size).path, fresh)
            case DiskFormat.VMDK:
                raw = cached_disk(project, source, size=size).path
                formats.to_vmdk(raw, fresh, identity=source.manifest.hex[:8])
            case DiskFormat.OVA:
                _write_ova(cached_disk(project, source, size=size), source, fresh)
            case DiskFormat.ISO:
                write_iso(source.layout, source.manifest, fresh, config=config)
    return target


def _write_ova(disk: InstalledDisk, source: DiskSource, fresh: Path) -> None:
    tar = fresh.with_name("rootfs.tar")
    initrd = flat_root(source.layout, source.manifest, tar).read("/boot/initrd")
    tar.unlink()  # the OVA needs the space
    write_ova(
        disk,
        fresh,
        name=source.name,
        version=source.version,
        epoch=created(source.layout, source.manifest),
        controller=controller_for(initrd or b""),
    )


def require_verified(project: Project, client: Registry, reference: Reference, verifier: Verifier) -> Digest:
    """The digest that a reference names now, proven by signature and not withdrawn; blobs are left unread."""
    from imagekit.registry.errors import VerificationError
    from imagekit.trust.verify import verify_image

    with step(f"Verifying {reference}"):
        fixed = reference.at(require_not_yanked(project, client, reference))
        found = verify_image(fixed, client, verifier, content=False)
    if not found.passed or found.digest is None:
        reasons = "; ".join(f"{item.name}: {item.reason}" for item in found.unsatisfied)
        raise VerificationError(f"{reference} does not verify, so no disk is made of it: {reasons}")
    return found.digest


def _pulled(project: Project, reference: Reference, verifier: Verifier | None) -> DiskSource:
    from imagekit.registry.pull import pull_image

    with registry_client(project, reference.registry) as client:
        digest = require_verified(project, client, reference, verifier or publish_verifier(project))
        layout = project.work / "pulled" / digest.hex
        pull_image(client, reference.repository, digest, layout)
    return DiskSource(
        name=reference.repository.rpartition("/")[2],
        version=reference.tag or digest.short,
        layout=layout,
        manifest=digest,
        published=reference.at(digest),
    )
