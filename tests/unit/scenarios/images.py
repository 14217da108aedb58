"""Layouts with a configuration that names their layers."""

from __future__ import annotations

import json
from pathlib import Path

from imagekit.oci.layout import small_json
from imagekit.oci.reference import Digest


def with_config(folder: Path, digest: Digest) -> Digest:
    """The same manifest with a config that lists its layers."""
    manifest = small_json(folder, digest)
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": [one["digest"] for one in manifest["layers"]]}})
    made = Digest.of(config.encode())
    (folder / "blobs/sha256" / made.hex).write_text(config)
    manifest["config"] = {"mediaType": "application/x", "digest": str(made), "size": len(config)}
    raw = json.dumps(manifest).encode()
    (folder / "blobs/sha256" / Digest.of(raw).hex).write_bytes(raw)
    return Digest.of(raw)
