"""An OCI layout folder read with every byte proven: manifest, configuration and layers.

Format: https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

from __future__ import annotations

import hashlib
import itertools
import zlib
from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from imagekit.base.strictjson import MANIFEST_FIELDS, ForeignJsonError, read_object
from imagekit.oci.errors import ImageContentError
from imagekit.oci.reference import MEDIA_TYPE_MANIFEST, Digest

_CHUNK = 1 << 20
_SMALL = 4 << 20  # no manifest or configuration is larger; the distribution spec asks registries for 4 MiB at least
_ENOUGH = 512  # bytes that tell how a layer is packed: the first header of a tar
_GZIP = b"\x1f\x8b\x08"
_ZSTD_FRAME, _ZSTD_SKIPPED = 0xFD2FB528, 0x184D2A50  # RFC 8878, 3.1; the latter with its last four bits free


class Compression(StrEnum):
    """How a layer's tar is packed."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


# https://github.com/opencontainers/image-spec/blob/main/layer.md, and Docker's older names for the same. Layers of
# vendors that may not be given away are packed as all others.
_COMPRESSION = {
    "application/vnd.oci.image.layer.nondistributable.v1.tar": Compression.NONE,
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip": Compression.GZIP,
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd": Compression.ZSTD,
    "application/vnd.docker.image.rootfs.foreign.diff.tar": Compression.NONE,
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip": Compression.GZIP,
    "application/vnd.oci.image.layer.v1.tar": Compression.NONE,
    "application/vnd.oci.image.layer.v1.tar+gzip": Compression.GZIP,
    "application/vnd.oci.image.layer.v1.tar+zstd": Compression.ZSTD,
    "application/vnd.docker.image.rootfs.diff.tar": Compression.NONE,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": Compression.GZIP,
    "application/vnd.docker.image.rootfs.diff.tar.zstd": Compression.ZSTD,
}


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer blob: digest and size of the packed bytes."""

    digest: Digest
    size: int
    compression: Compression


def layers(layout: Path, manifest: Digest) -> tuple[Layer, ...]:
    """The layers of an image manifest, lowest first.

    Raises `ImageContentError` when the manifest is absent, differs from its digest or is not an image manifest.
    """
    document = small_json(layout, manifest)
    media_type = document.get("mediaType", MEDIA_TYPE_MANIFEST)
    if media_type != MEDIA_TYPE_MANIFEST and "manifest.v2+json" not in str(media_type):
        raise ImageContentError(f"{manifest} is a {media_type}, not an image manifest")
    found = document.get("layers")
    if not isinstance(found, list) or not found:
        raise ImageContentError(f"manifest {manifest} lists no layers")
    return tuple(_layer(manifest, entry) for entry in found)


def small_json(layout: Path, digest: Digest, *, fields: Collection[str] = MANIFEST_FIELDS) -> dict[str, Any]:
    """A manifest or configuration blob of at most 4 MiB, proven against its digest; `fields` as in `strictjson`."""
    path = blob_path(layout, digest)
    try:
        with path.open("rb") as stream:
            data = stream.read(_SMALL + 1)
    except FileNotFoundError:
        raise ImageContentError(f"blob {digest} is not in the layout {layout}") from None
    if len(data) > _SMALL or Digest.of(data) != digest:
        raise ImageContentError(f"blob {digest} in {layout} does not have that digest", hint="Build the image again.")
    try:
        return read_object(data, f"blob {digest}", fields=fields, limit=_SMALL)
    except ForeignJsonError as error:
        raise ImageContentError(str(error), hint=error.hint) from None


def blob_path(layout: Path, digest: Digest) -> Path:
    """Where a layout keeps a blob."""
    return layout / "blobs" / "sha256" / digest.hex


def unpacked(layout: Path, layer: Layer) -> Generator[bytes, None, None]:
    """The layer's tar in chunks; raises `ImageContentError` after the last one when the blob's digest differs.

    Whoever consumes the chunks must not keep what was made of them when this raises.
    """
    chunks = _proven(layout, layer)
    if layer.compression is Compression.NONE:
        yield from chunks
        return
    first = b""
    while len(first) < _ENOUGH and (more := next(chunks, b"")):
        first += more
    whole = itertools.chain((first,) if first else (), chunks)
    match _packed_as(first, layer.compression):
        case Compression.NONE:
            yield from whole
        case Compression.GZIP:
            yield from _gunzip(whole, layer)
        case Compression.ZSTD:
            yield from _unzstd(whole, layer)


def _packed_as(first: bytes, said: Compression) -> Compression:
    """How a layer is packed that says to be: its first bytes tell, as containerd, docker and Kairos's agent have it.

    Builders write one name for all (Bazel, kaniko, `crane append` of a plain tar). What is neither gzip nor zstd and
    does not look like a tar stays what it says to be, and is refused as that.
    """
    if first.startswith(_GZIP):
        return Compression.GZIP
    frame = int.from_bytes(first[:4], "little")
    if frame == _ZSTD_FRAME or frame & ~0xF == _ZSTD_SKIPPED:
        return Compression.ZSTD
    return Compression.NONE if first[257:262] == b"ustar" else said


def _layer(manifest: Digest, entry: object) -> Layer:
    if not isinstance(entry, dict):
        raise ImageContentError(f"manifest {manifest} holds a layer that is not an object")
    media_type, size = str(entry.get("mediaType")), entry.get("size")
    if media_type not in _COMPRESSION or not isinstance(size, int):
        raise ImageContentError(f"manifest {manifest} holds a layer of unknown type {media_type[:100]!r}")
    return Layer(Digest(str(entry.get("digest"))), size, _COMPRESSION[media_type])


def _proven(layout: Path, layer: Layer) -> Iterator[bytes]:
    state, size = hashlib.sha256(), 0
    try:
        stream = blob_path(layout, layer.digest).open("rb", buffering=0)
    except FileNotFoundError:
        raise ImageContentError(f"layer {layer.digest} is not in the layout {layout}") from None
    with stream:
        while chunk := stream.read(_CHUNK):
            state.update(chunk)
            size += len(chunk)
            if size > layer.size:
                break
            yield chunk
    if size != layer.size or state.hexdigest() != layer.digest.hex:
        raise ImageContentError(
            f"layer {layer.digest} in {layout} does not have that digest", hint="Build the image again."
        )


def _gunzip(chunks: Iterator[bytes], layer: Layer) -> Iterator[bytes]:
    """As gunzip(1) reads: gzip files may follow one another (pigz, estargz), and zeros may follow the last of them."""
    unpacker = zlib.decompressobj(wbits=31)
    members, begun, padding = 0, False, False
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                if members and not begun:
                    padding = padding or rest.startswith(b"\0")
                    rest = rest.lstrip(b"\0") if padding else rest
                    if padding and rest:
                        raise zlib.error("something follows the zeros at its end")
                    if not rest:
                        break
                begun = True
                yield unpacker.decompress(rest, _CHUNK)
                rest = unpacker.unconsumed_tail
                if unpacker.eof:
                    rest, unpacker = unpacker.unused_data, zlib.decompressobj(wbits=31)
                    members, begun = members + 1, False
        if begun or not members:
            raise zlib.error("it ends too early")
    except zlib.error as error:
        raise ImageContentError(f"layer {layer.digest} is not gzip: {error}") from None


def _unzstd(chunks: Iterator[bytes], layer: Layer) -> Iterator[bytes]:
    import zstandard

    # Read in pieces of a given size: what one packed chunk unpacks to may be thirty thousand times as long.
    unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    try:
        with unpacker.stream_reader(_Chunks(chunks), read_across_frames=True) as reader:  # type: ignore[arg-type]
            while chunk := reader.read(_CHUNK):
                yield chunk
    except zstandard.ZstdError as error:
        raise ImageContentError(f"layer {layer.digest} is not zstd: {error}") from None


class _Chunks:
    """An iterator of chunks with the one method that the unpacker asks for."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def read(self, count: int) -> bytes:
        """At most so many bytes; none at the end."""
        if not self._rest:
            self._rest = next(self._chunks, b"")
        piece, self._rest = self._rest[:count], self._rest[count:]
        return piece
