"""What can be wrong with an image's own bytes: its manifests, layouts and layers."""

from __future__ import annotations

from imagekit.base.errors import RefusedError


class ImageContentError(RefusedError):
    """The image's bytes are not what its digests say, or hold what no image may hold."""


class MalformedError(RefusedError):
    """A manifest, index or layout does not read as the OCI specification says."""
