"""Images made for measuring: an OCI layout whose layers are as large as asked for, and hold nothing."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagekit.oci.reference import MEDIA_TYPE_MANIFEST, Digest

_CHUNK = 1 << 20
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A blob of a layout: its digest, its size in bytes."""

    digest: Digest
    size: int

    def descriptor(self, media_type: str) -> dict[str, Any]:
        """As a manifest names it."""
        return {"mediaType": media_type, "digest": str(self.digest), "size": self.size}


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeImage:
    """An image of two layers; `new_bytes` are those of its top layer and its config."""

    manifest: Digest
    new_bytes: int


def large_blob(layout: Path, size: int) -> Blob:
    """A blob of `size` bytes of noise, the same each time; never whole in memory."""
    folder = _blobs(layout)
    noise, state, left = random.Random(0), hashlib.sha256(), size
    partial = folder / ".large"
    with partial.open("wb") as stream:
        while left > 0:
            chunk = noise.randbytes(min(_CHUNK, left))
            stream.write(chunk)
            state.update(chunk)
            left -= len(chunk)
    digest = Digest(f"sha256:{state.hexdigest()}")
    partial.rename(folder / digest.hex)
    return Blob(digest=digest, size=size)


def made_image(layout: Path, bottom: Blob, seed: int, top_size: int) -> MadeImage:
    """An image of the given bottom layer and a top layer that `seed` makes."""
    top = _put(layout, random.Random(seed).randbytes(top_size))
    root = {"type": "layers", "diff_ids": [str(bottom.digest), str(top.digest)]}
    config = _put(layout, json.dumps({"architecture": "amd64", "os": "linux", "rootfs": root}).encode())
    manifest = {
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE_MANIFEST,
        "config": config.descriptor(_CONFIG),
        "layers": [bottom.descriptor(_LAYER), top.descriptor(_LAYER)],
    }
    digest = _put(layout, json.dumps(manifest).encode()).digest
    return MadeImage(manifest=digest, new_bytes=top.size + config.size)


def _put(layout: Path, data: bytes) -> Blob:
    digest = Digest.of(data)
    (_blobs(layout) / digest.hex).write_bytes(data)
    return Blob(digest=digest, size=len(data))


def _blobs(layout: Path) -> Path:
    folder = layout / "blobs" / "sha256"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
