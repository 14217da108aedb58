"""What an image may unpack to: several times what the largest node image needs, a small part of what a bomb wants.

A node image of 4 GB unpacks to 8 GB or so (text packs eightfold, a kernel or a database hardly), and has 50,000 to
200,000 entries of some 60 characters each. Packed zeros unpack to a thousand times their size as gzip and to thirty
thousand times as zstd, so sizes are compared with what was packed, above a floor that small images need.
"""

from __future__ import annotations

from collections.abc import Iterator

from imagekit.oci.errors import ImageContentError
from imagekit.oci.layout import Layer
from imagekit.oci.reference import Digest

LAYERS = 500  # the kernel's overlayfs takes 500, Docker 127
LAYER_FLOOR, LAYER_RATIO = 1 << 30, 200
IMAGE_FLOOR, IMAGE_RATIO = 16 << 30, 20
ENTRIES = 500_000
NAMES = 128 << 20  # bytes of all paths and link targets, which are held in memory

_HINT = "Only an image made to exhaust its reader is so; do not use it. When it is your own, see what fills the layer."


class Allowance:
    """What one image has used of its limits while it is read; each method raises `ImageContentError` beyond one."""

    def __init__(self, image: Digest, layers: tuple[Layer, ...]) -> None:
        if len(layers) > LAYERS:
            raise ImageContentError(f"image {image} has {len(layers)} layers, {LAYERS} are allowed", hint=_HINT)
        self._image = image
        self._packed = sum(layer.size for layer in layers)
        self._most = max(IMAGE_FLOOR, IMAGE_RATIO * self._packed)
        self._unpacked = self._entries = self._names = 0

    def measured(self, chunks: Iterator[bytes], layer: Layer) -> Iterator[bytes]:
        """The chunks of an unpacked layer, as long as there are no more than layer and image may have."""
        done, most = 0, max(LAYER_FLOOR, LAYER_RATIO * layer.size)
        for chunk in chunks:
            done += len(chunk)
            self._unpacked += len(chunk)
            if done > most:
                raise _too_large(f"layer {layer.digest} of image {self._image}", most, layer.size)
            if self._unpacked > self._most:
                raise _too_large(f"image {self._image}", self._most, self._packed)
            yield chunk

    def take(self, *names: str, zeros: int = 0) -> None:
        """One entry more, with its path and link target, and the zeros that its sparse file is unpacked to."""
        self._entries += 1
        self._unpacked += zeros
        if self._unpacked > self._most:
            raise _too_large(f"image {self._image}", self._most, self._packed)
        self._names += sum(map(len, names))
        if self._entries > ENTRIES:
            raise ImageContentError(f"image {self._image} has more than {ENTRIES} entries", hint=_HINT)
        if self._names > NAMES:
            raise ImageContentError(f"the paths of image {self._image} take more than {NAMES >> 20} MiB", hint=_HINT)


def _too_large(what: str, most: int, packed: int) -> ImageContentError:
    return ImageContentError(
        f"{what} unpacks to more than {most >> 20} MiB, allowed for {packed} packed bytes", hint=_HINT
    )
