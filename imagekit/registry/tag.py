"""Version tags are given once: the last step of a publish and of a promotion.

Names that the tool or the registry's clients use themselves are never given as a version.
"""

from __future__ import annotations

import re

from imagekit.base.errors import ConfigError
from imagekit.oci.reference import Reference
from imagekit.registry.client import Registry
from imagekit.registry.errors import AccessDeniedError, RegistryError, TagExistsError, VerificationError

# imagekit's own (claims of the lock, `imagekit-claim-*`), and ALGORITHM-HEX, the distribution specification's names for
# lists of referrers, under which cosign's older .sig and .att are, too. Some registries fold case.
_RESERVED = re.compile(r"(?:imagekit-|(?:sha256|sha384|sha512|blake3)-).*", re.IGNORECASE)


def is_reserved(tag: str) -> bool:
    """Whether a tag is one that registries, their clients and imagekit use themselves."""
    return _RESERVED.fullmatch(tag) is not None


def demand_version_name(tag: str, where: str) -> None:
    """Raise `ConfigError` naming `where` for a version that is called as reserved names are."""
    if is_reserved(tag):
        raise ConfigError(
            f"{where}: {tag[:24]!r} begins as the names that registries and imagekit use themselves",
            hint="Give the version another name, such as v1.2.3.",
        )


def demand_free(target: Reference, client: Registry) -> bool:
    """Whether the tag names the digest already; raises `TagExistsError` when it names another one."""
    tagged = client.resolve(Reference(target.registry, target.repository, target.tag))
    if tagged is not None and tagged != target.digest:
        raise TagExistsError(
            f"{target.name}:{target.tag} already names {tagged}, not {target.digest}",
            hint="Tags never move; a new version needs a new tag.",
        )
    return tagged is not None


def give_tag(target: Reference, client: Registry) -> None:
    """Let the tag name the digest unless somebody gave it meanwhile, and read it back.

    A registry with a rule of immutability refuses the write that comes second (Harbor 412, ECR 400, others 403 or 409):
    then the tag is looked at again, and `TagExistsError` says whose it is. Raises `VerificationError` when the registry
    took the tag and does not have it, and what `Registry` raises.
    """
    if target.tag is None or target.digest is None:
        raise ConfigError(f"{target} does not name a tag and a digest")
    demand_version_name(target.tag, target.name)
    if not demand_free(target, client):
        try:
            client.put_manifest(target.repository, client.manifest(target.repository, target.digest), target.tag)
        except (RegistryError, AccessDeniedError):
            if not demand_free(target, client):
                raise
    if not demand_free(target, client):
        raise VerificationError(
            f"registry {client.address} took the tag {target.tag} of {target.repository} and does not have it",
            hint="Run the same command again.",
        )
