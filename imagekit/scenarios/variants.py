"""Variants of an image, made in seconds: one more layer on an OCI layout, no build engine.

https://github.com/opencontainers/image-spec/blob/main/layer.md
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagekit.artifact.inventory import read_root, take_inventory
from imagekit.base.strictjson import CONFIG_FIELDS
from imagekit.oci.layout import blob_path, small_json
from imagekit.oci.reference import MEDIA_TYPE_MANIFEST, Digest
from imagekit.oci.tarstream import Source, entries

MARKER = "/usr/share/imagekit/variant"
SUMS = "/usr/share/imagekit/variant.md5"
RELEASE = "/etc/kairos-release"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_VERSION_KEYS = ("KAIROS_VERSION", "KAIROS_RELEASE")
_CHUNK = 1 << 20
_FIXED = ("usr/", "boot/", "system/")
_CHANGED = ("usr/local/", "usr/libexec/")  # persistent paths on a node
_WANTS = "/usr/lib/systemd/system/sysinit.target.wants"
# Said through the kernel's log: with Kairos's command line /dev/console is the screen, and not the serial line.
# Before anything of Kairos that calls a boot good; below /usr, since /etc/systemd outlives an upgrade on a real node.
_EARLY = """\
[Unit]
Description=imagekit: a defect of this image
DefaultDependencies=no
Before=cos-setup-fs.service cos-setup-boot.service cos-setup-network.service sysinit.target ssh.service sshd.service
{unit}
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/sh -c '{command}'
"""
HANG_SAYS = "imagekit: this image hangs here"
UNIT_SAYS = "imagekit: a unit of this image fails here"


@dataclass(frozen=True, slots=True)
class File:
    """One file of a layer; with `link` a symbolic link to it instead of `data`."""

    path: str
    data: bytes = b""
    link: str = ""
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Variant:
    """An image in a layout: `name` is what its marker file says, `version` what its release file says."""

    name: str
    version: str
    layout: Path
    digest: Digest


def good(name: str) -> tuple[File, ...]:
    """Nothing but the marker: an image that works."""
    return (File(MARKER, f"{name}\n".encode()),)


def panicking(name: str) -> tuple[File, ...]:
    """An initrd that is none: the kernel finds no root and panics."""
    return (*good(name), File("/boot/initrd", b"not an initrd\n" * 64))


def hanging(name: str) -> tuple[File, ...]:
    """A unit early in the boot that never ends; it says so on the console."""
    return (*good(name), *_early("imagekit-hang", f'echo "<2>{HANG_SAYS}" > /dev/kmsg; exec sleep infinity', ""))


def failing(name: str) -> tuple[File, ...]:
    """A unit early in the boot that fails, and is declared to reboot the node then."""
    return (
        *good(name),
        *_early("imagekit-fail", f'echo "<2>{UNIT_SAYS}" > /dev/kmsg; exit 1', "FailureAction=reboot-force"),
    )


def content_sums(layout: Path, digest: Digest) -> File:
    """A file that names the content of every file of an image which no node changes, as md5sum(1) reads it."""
    lines: list[str] = []

    def read(source: Source) -> None:
        with closing(entries(source)) as members:  # type: ignore[type-var]  # a generator has close
            for entry in members:
                counted = entry.kind == b"0" and entry.path.startswith(_FIXED) and not entry.path.startswith(_CHANGED)
                state, left = hashlib.md5(usedforsecurity=False), entry.size
                for size in [min(_CHUNK, entry.padded - at) for at in range(0, entry.padded, _CHUNK)]:
                    data = source.read(size)
                    state.update(data[: max(0, left)])
                    left -= len(data)
                if counted:
                    lines.append(f"{state.hexdigest()}  {entry.path}\n")

    read_root(layout, digest, read)
    return File(SUMS, "".join(sorted(lines)).encode())


def append_layer(layout: Path, digest: Digest, out: Path, files: Sequence[File], *, name: str, version: str) -> Variant:
    """Make `out` an OCI layout with the image and one more layer of `files` and a release file with `version`.

    Blobs are hard links to those of `layout` where the file system allows. The same arguments give the same digest.
    """
    manifest = small_json(layout, digest)
    config = small_json(layout, Digest(manifest["config"]["digest"]), fields=CONFIG_FIELDS)
    text = take_inventory(layout, digest).text(RELEASE)
    tar = _tar([*files, File(RELEASE, with_version(text, version).encode())])
    for entry in (manifest["config"], *manifest["layers"]):
        _share(layout, out, Digest(entry["digest"]))
    layer = _put(out, tar, _LAYER)
    config["rootfs"]["diff_ids"] = [*config["rootfs"]["diff_ids"], layer["digest"]]
    if "history" in config:
        config["history"] = [*config["history"], {"created_by": f"imagekit variant {name}"}]
    fresh = {
        **manifest,
        "config": _put(out, _json(config), manifest["config"]["mediaType"]),
        "layers": [*manifest["layers"], layer],
    }
    made = _put(out, _json(fresh), MEDIA_TYPE_MANIFEST)
    return Variant(name, version, out, Digest(str(made["digest"])))


def with_version(release: str, version: str) -> str:
    """The text of a release file that names another version."""
    keys = "|".join(_VERSION_KEYS)
    return re.sub(rf"^({keys})=.*$", rf'\1="{version}"', release, flags=re.MULTILINE)


def version_in(release: str) -> str:
    """The version that a release file names; empty when it names none."""
    found = re.search(r'^KAIROS_VERSION="?([^"\n]*)"?$', release, flags=re.MULTILINE)
    return found.group(1) if found else ""


def _early(unit: str, command: str, more: str) -> tuple[File, ...]:
    name = f"{unit}.service"
    text = _EARLY.format(unit=more, command=command)
    return File(f"/usr/lib/systemd/system/{name}", text.encode()), File(f"{_WANTS}/{name}", link=f"../{name}")


def _tar(files: Sequence[File]) -> bytes:
    """Parents first is not needed: the folders are in the image, or are made by whoever unpacks."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file in sorted(files, key=lambda file: file.path):
            info = tarfile.TarInfo(file.path.lstrip("/"))
            info.mode, info.size = file.mode, len(file.data)
            if file.link:
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, file.link, 0o777
            archive.addfile(info, io.BytesIO(file.data))
    return stream.getvalue()


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _put(layout: Path, data: bytes, media_type: str) -> dict[str, Any]:
    digest = Digest.of(data)
    path = blob_path(layout, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return {"mediaType": media_type, "digest": str(digest), "size": len(data)}


def _share(layout: Path, out: Path, digest: Digest) -> None:
    source, target = blob_path(layout, digest), blob_path(out, digest)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)
