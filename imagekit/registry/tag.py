"""Version tags are given once: the last step of a publish and of a promotion.

Names that the tool or the registry's clients use themselves are never given as a version.
"""

from __future__ import annotations

import re

from imagekit.base.errors import ConfigError
from imagekit.oci.manifest import EMPTY, MEDIA_TYPE_EMPTY, Descriptor, Manifest, image_manifest
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.errors import AccessDeniedError, RegistryError, TagExistsError, VerificationError

# imagekit's own (claims of the lock, `imagekit-claim-*`), and ALGORITHM-HEX, the distribution specification's names for
# lists of referrers, under which cosign's older .sig and .att are, too. Some registries fold case.
_RESERVED = re.compile(r"(?:imagekit-|(?:sha256|sha384|sha512|blake3)-).*", re.IGNORECASE)

_TOMBSTONE_TYPE = "application/vnd.imagekit.removed.v1"
_WAS, _TAG = "imagekit.removed", "tag"


def is_reserved(tag: str) -> bool:
    """Whether a tag is one that registries, their clients and imagekit use themselves."""
    return _RESERVED.fullmatch(tag) is not None


def require_version_name(tag: str, where: str) -> None:
    """Raise `ConfigError` naming `where` for a version that is called as reserved names are."""
    if is_reserved(tag):
        raise ConfigError(
            f"{where}: {tag[:24]!r} begins as the names that registries and imagekit use themselves",
            hint="Give the version another name, such as v1.2.3.",
        )


def require_free(target: Reference, client: Registry) -> bool:
    """Whether the tag names the digest already; raises `TagExistsError` when it names another one.

    The tag of a version that was removed is free for that very digest alone.
    """
    tag = str(target.tag)
    found = client.find_manifest(target.repository, tag)
    if found is None or (target.digest is not None and found.raw == tombstone(tag, target.digest).raw):
        return False
    if found.digest == target.digest:
        return True
    if is_tombstone(found, tag):
        raise TagExistsError(
            f"{target.name}:{tag} named {found.annotations[_WAS]}, which was removed, and not {target.digest}",
            hint="The name of a removed version is not given again; a new version needs a new tag.",
        )
    raise TagExistsError(
        f"{target.name}:{tag} already names {found.digest}, not {target.digest}",
        hint="Tags never move; a new version needs a new tag.",
    )


def tombstone(tag: str, digest: Digest) -> Manifest:
    """What a tag names after its version was removed: nothing but what it named."""
    empty = Descriptor.of(EMPTY, MEDIA_TYPE_EMPTY)
    said = {_WAS: str(digest), _TAG: tag}
    return image_manifest(config=empty, layers=(empty,), artifact_type=_TOMBSTONE_TYPE, annotations=said)


def is_tombstone(manifest: Manifest, tag: str) -> bool:
    """Whether a manifest says, byte for byte as imagekit does, that the version of this tag was removed."""
    try:
        return manifest.raw == tombstone(tag, Digest(manifest.annotations.get(_WAS, ""))).raw
    except ConfigError:
        return False


def bury(target: Reference, client: Registry) -> None:
    """Let the free tag of a removed version say which digest it named, so that it is never given another one."""
    if target.tag is None or target.digest is None:
        raise ConfigError(f"{target} does not name a tag and a digest")
    client.put_blob(target.repository, BlobSource.of_bytes(EMPTY))
    client.put_manifest(target.repository, tombstone(target.tag, target.digest), target.tag)


def give_tag(target: Reference, client: Registry) -> None:
    """Let the tag name the digest unless somebody gave it meanwhile, and read it back.

    A registry with a rule of immutability refuses the write that comes second (Harbor 412, ECR 400, others 403 or 409):
    then the tag is looked at again, and `TagExistsError` says whose it is. Raises `VerificationError` when the registry
    took the tag and does not have it, and what `Registry` raises.
    """
    if target.tag is None or target.digest is None:
        raise ConfigError(f"{target} does not name a tag and a digest")
    require_version_name(target.tag, target.name)
    if not require_free(target, client):
        try:
            client.put_manifest(target.repository, client.manifest(target.repository, target.digest), target.tag)
        except (RegistryError, AccessDeniedError):
            if not require_free(target, client):
                raise
    if not require_free(target, client):
        raise VerificationError(
            f"registry {client.address} took the tag {target.tag} of {target.repository} and does not have it",
            hint="Run the same command again.",
        )
