"""Names of objects: made of what they stand for, never reused, and such that every system can refer to them."""

from __future__ import annotations

import re

from imagekit.fleet.read import LONGEST
from imagekit.oci.reference import Digest

GROUP = "imagekit.dev"
STAMP = "/etc/imagekit/oci-image"  # on a node: NAME@sha256:..., written by its cloud-config, read by `imagekit observe`
OCI_IMAGE = f"{GROUP}/oci-image"  # annotation: the full reference by digest; a label cannot hold it (63 characters)
# Flux replaces ${...} in what it applies, unless an object says no.
NO_SUBSTITUTION = {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}
_OTHER = re.compile(r"[^a-z0-9]+")


def dashed(text: str) -> str:
    """A version as part of a name: VirtRigaud refers to no name with a dot, and none has a plus."""
    return _OTHER.sub("-", text.lower()).strip("-")


def image_name(image: str, version: str, provider: str, digest: Digest) -> str:
    """The VMImage of a digest for a type of provider.

    A template of this name that is there is taken as it is, so no two digests share one. Cut in the middle where it is
    too long; the digest's part keeps it unique.
    """
    end = f"-{provider}-{digest.short}"
    return f"{image}-{dashed(version)}"[: LONGEST - len(end)].rstrip("-") + end


def host_name(node: str, slot: str) -> str:
    """The host name of an instance: the node's, or with -b behind it for the second of two."""
    return node if slot == "a" else f"{node}-{slot}"


def instance_name(node: str, slot: str, digest: Digest) -> str:
    """The machine of a node that was made from a digest; another digest is another machine."""
    return f"{host_name(node, slot)}-{digest.short}"
