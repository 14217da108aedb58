"""The base images that builds start from, read before any of them: what no node can take is refused by name at once."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from imagekit.base.errors import ConfigError, RefusedError, ToolError
from imagekit.base.files import write_whole
from imagekit.base.log import step
from imagekit.config.imagesfile import ImageBase
from imagekit.config.load import Project
from imagekit.oci.errors import ImageContentError, MalformedError
from imagekit.oci.flatten import read_tree
from imagekit.oci.manifest import Manifest
from imagekit.oci.reference import Digest, Reference
from imagekit.oci.tarstream import Source, TarMember
from imagekit.plan.lock import Locked
from imagekit.plan.model import Plan
from imagekit.registry.address import api_host
from imagekit.registry.client import Registry
from imagekit.registry.errors import MissingObjectError
from imagekit.registry.pull import pull_image

# On what BuildKit attaches to an index beside its images, https://docs.docker.com/build/metadata/attestations/
_ATTESTED = "vnd.docker.reference.type"


class BaseImageError(RefusedError):
    """A base image holds what cannot become the file system of a node."""


def require_bases(project: Project, plans: Sequence[Plan], *, registry: Callable[[str], Registry] = Registry) -> None:
    """Read the layers of each base image that these plans name by digest, once for each digest.

    Raises `BaseImageError` naming the base and what stands in its layers. What this program cannot
    fetch, while the build engine may have a mirror or an account of its own, is left to the build and its proof.
    """
    for plan in plans:
        base = project.image(plan.image).base
        if isinstance(base, ImageBase):
            reference = Reference.parse(Locked(project.lock).image(base.image))
            if reference.digest is not None:
                _require_readable(project.work / "bases", reference, reference.digest, plan.arch, registry)


def _require_readable(
    kept: Path, reference: Reference, digest: Digest, arch: str, registry: Callable[[str], Registry]
) -> None:
    note = kept / f"{digest.hex}-{arch}"
    if note.exists():
        return
    kept.mkdir(parents=True, exist_ok=True)
    with step(f"Layers of base image {reference}") as reported, _scratch(kept) as folder:
        layout = Path(folder)
        try:
            with registry(api_host(reference.registry)) as client:
                image = _image_for(client, reference.repository, digest, arch)
                pull_image(client, reference.repository, image, layout)
        except (ToolError, ConfigError, MissingObjectError) as error:
            reported.note = f"not read, it is looked at after the build: {error}"
            return
        except MalformedError as error:
            raise _refused(reference, error) from None
        try:
            read_tree(layout, image, _skipped)
        except ImageContentError as error:
            raise _refused(reference, error) from None
        write_whole(note, "")


def _scratch(kept: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder that `imagekit clean` knows by its process when nobody is left to remove it."""
    return tempfile.TemporaryDirectory(dir=kept, prefix=f".base.{os.getpid()}.")


def _image_for(client: Registry, repository: str, digest: Digest, arch: str) -> Digest:
    """The image of an architecture: of an index the one that says so, of a single image itself."""
    found = client.manifest(repository, digest)
    if not found.children:
        return digest
    named = _of_arch(found, arch)
    if named is None:
        raise MalformedError(f"its index has no image for linux/{arch}")
    return named


def _of_arch(index: Manifest, arch: str) -> Digest | None:
    """The one that says so, else one that says nothing: an index of one image is often written without a platform."""
    silent = []
    for entry in json.loads(index.raw)["manifests"]:
        platform = entry.get("platform") or {}
        if (platform.get("os"), platform.get("architecture")) == ("linux", arch):
            return Digest(entry["digest"])
        if not platform and _ATTESTED not in (entry.get("annotations") or {}):
            silent.append(Digest(entry["digest"]))
    return silent[0] if len(silent) == 1 else None


def _refused(reference: Reference, error: RefusedError) -> BaseImageError:
    hint = (
        f"Nothing was built. Take another base in images/images.yaml, or have this one built again. {error.hint or ''}"
    )
    return BaseImageError(f"base image {reference}: {error}", hint=hint.strip())


def _skipped(_where: object, entry: TarMember, source: Source) -> None:
    source.copy(entry.padded, lambda _: None)
