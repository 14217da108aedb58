"""What a repository serves under a digest: the image as it names itself, or the images of an index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagekit.base.strictjson import read_object
from imagekit.oci.errors import MalformedError
from imagekit.oci.manifest import DEPTH, MANIFEST_LIMIT, Manifest, require_finite
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.identity import Identity

if TYPE_CHECKING:
    from imagekit.registry.client import Registry

VERSION_LABEL = "org.opencontainers.image.version"
_MOST_SERVED = 16
_FIELDS = ("architecture", "config", "Labels")


def described(client: Registry, repository: str, image: Manifest) -> Identity:
    """The image under its repository's name, with the architecture and version of its own configuration.

    An index has neither. Raises `RefusedError` for a configuration that cannot be read.
    """
    name = repository.rpartition("/")[2]
    if image.children or not image.blobs:
        return Identity(image=name)
    data = client.read_blob(repository, image.blobs[0], limit=MANIFEST_LIMIT)
    try:
        fields = read_object(data, f"configuration of {image.digest.short}", fields=_FIELDS)
        labels = (fields.get("config") or {}).get("Labels") or {}
        version = labels.get(VERSION_LABEL, "")
    except AttributeError:
        raise MalformedError(f"the configuration of {image.digest.short} is none of an image") from None
    return Identity(image=name, arch=str(fields.get("architecture") or ""), version=str(version))


def served(client: Registry, repository: str, image: Manifest) -> list[Manifest]:
    """The images that somebody who pulls an index may get, each once; none for a single image.

    Each needs evidence of its own: that of the index says nothing about them. Raises `MalformedError` for an index of
    more than 16 images, and `RefusedError` for one that cannot be read.
    """
    found: dict[Digest, Manifest] = {}
    _walk(client, repository, image, found, DEPTH)
    return [each for digest, each in found.items() if digest != image.digest and not each.children]


def _walk(client: Registry, repository: str, image: Manifest, found: dict[Digest, Manifest], depth: int) -> None:
    found[image.digest] = image
    require_finite(image.digest, len(found), depth)
    if len(found) > _MOST_SERVED + 1:
        raise MalformedError(
            f"{image.digest.short} is an index of more than {_MOST_SERVED} images",
            hint="Name the digest of the one image that is meant.",
        )
    for child in image.children:
        if child.digest not in found:
            _walk(client, repository, client.manifest(repository, child.digest), found, depth - 1)
