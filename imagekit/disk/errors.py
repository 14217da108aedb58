"""What can be wrong with an image that is to become a disk."""

from __future__ import annotations

from imagekit.errors import RefusedError


class ImageContentError(RefusedError):
    """The image's bytes are not what its digests say, or hold what no image may hold."""


class NotBootableError(RefusedError):
    """The image lacks what a machine needs to boot (kernel, initrd, kernel modules)."""
