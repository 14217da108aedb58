"""Small OCI layouts made of whatever members a test asks for, well-formed or hostile."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import zstandard

from imagekit.oci.layout import Compression
from imagekit.oci.reference import MEDIA_TYPE_MANIFEST, Digest

_TYPES = {Compression.NONE: "", Compression.GZIP: "+gzip", Compression.ZSTD: "+zstd"}


def member(
    name: str, data: bytes = b"", *, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644, **pax: str
) -> tuple[tarfile.TarInfo, bytes]:
    """One tar member; `pax` holds further header records."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.size = kind, link, mode, len(data)
    info.pax_headers = {key.replace("__", "."): value for key, value in pax.items()}
    return info, data


def directory(name: str, mode: int = 0o755) -> tuple[tarfile.TarInfo, bytes]:
    """A folder."""
    return member(name, kind=tarfile.DIRTYPE, mode=mode)


def hard_link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    """A second name of a file."""
    return member(name, kind=tarfile.LNKTYPE, link=target)


def symlink(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    """A symbolic link."""
    return member(name, kind=tarfile.SYMTYPE, link=target, mode=0o777)


def attributed(entry: tuple[tarfile.TarInfo, bytes], attributes: Mapping[str, str]) -> tuple[tarfile.TarInfo, bytes]:
    """The member with extended attributes."""
    entry[0].pax_headers = {f"SCHILY.xattr.{name}": value for name, value in attributes.items()}
    return entry


def layer(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    """The members as a tar archive."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def layout(
    folder: Path,
    tars: Sequence[bytes],
    packed: Compression = Compression.ZSTD,
    labels: Mapping[str, str] | None = None,
) -> Digest:
    """An OCI layout of these layers, lowest first, with these labels; returns the manifest's digest."""
    return packed_layout(folder, [_pack(tar, packed) for tar in tars], packed, labels)


def packed_layout(
    folder: Path, layers: Sequence[bytes], packed: Compression, labels: Mapping[str, str] | None = None
) -> Digest:
    """The same of layers that are packed already."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    entries = [
        {"mediaType": f"application/vnd.oci.image.layer.v1.tar{_TYPES[packed]}", **_put(blobs, data)} for data in layers
    ]
    said = json.dumps({"config": {"Labels": dict(labels)}} if labels else {}).encode()
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", **_put(blobs, said)}
    manifest = {"schemaVersion": 2, "mediaType": MEDIA_TYPE_MANIFEST, "config": config, "layers": entries}
    return Digest(str(_put(blobs, json.dumps(manifest).encode())["digest"]))


def _put(blobs: Path, data: bytes) -> dict[str, object]:
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


def _pack(tar: bytes, packed: Compression) -> bytes:
    match packed:
        case Compression.NONE:
            return tar
        case Compression.GZIP:
            return gzip.compress(tar, mtime=0)
        case Compression.ZSTD:
            return zstandard.ZstdCompressor().compress(tar)
