"""What can be wrong with an image that is to become a disk."""

from __future__ import annotations

from imagekit.base.errors import RefusedError


class NotBootableError(RefusedError):
    """The image lacks what a machine needs to boot (kernel, initrd, kernel modules)."""
