"""Taking the inventory of an image from its layers, once for a digest."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from imagekit.artifact.inventory import KEPT, Inventory, take_inventory
from imagekit.artifact.packages import installed_packages
from imagekit.base.files import write_whole
from imagekit.base.log import step
from imagekit.config.model import Family
from imagekit.inventory import parts
from imagekit.inventory.model import FORMAT, FileFact, ImageInventory, InstalledPackage, LayerSize
from imagekit.inventory.pam import pam
from imagekit.inventory.sshd import sshd
from imagekit.oci.layout import layers, small_json
from imagekit.oci.reference import Digest
from imagekit.oci.tarstream import TarMember

NAME = "inventory.json"
_KEEP = re.compile(rf"{KEPT.pattern}|{parts.FILES}")
_KINDS = {b"0": "f", b"2": "l", b"3": "c", b"4": "b", b"5": "d", b"6": "p"}


def take(layout: Path, manifest: Digest) -> tuple[Inventory, ImageInventory]:
    """Read an image once: paths and kept contents, and the inventory made of them.

    Raises `ImageContentError` when a blob is not what its digest says, `PackageListError` for a package database that
    does not read.
    """
    files: dict[str, FileFact] = {}
    contents = take_inventory(layout, manifest, keep=_KEEP, watch=lambda entry, digest: _note(files, entry, digest))
    return contents, _made(layout, manifest, contents, files)


def inventory_of(layout: Path, manifest: Digest, kept: Path) -> ImageInventory:
    """The inventory that the file `kept` holds of this digest, or a new one, which is kept there; raises as `take`."""
    found = read_kept(kept, manifest)
    if found is None:
        with step(f"Inventory of {manifest.short}"):
            _, found = take(layout, manifest)
            keep(found, kept)
    return found


def keep(inventory: ImageInventory, path: Path) -> None:
    """Write an inventory, whole or not at all."""
    data = asdict(replace(inventory, files={})) | {"files": dict(inventory.files)}
    write_whole(path, json.dumps(data, separators=(",", ":")))


def read_kept(path: Path, manifest: Digest) -> ImageInventory | None:
    """What is kept of this digest; a file that is damaged, of another format or digest is as good as missing."""
    from pydantic import TypeAdapter, ValidationError

    try:
        data = json.loads(path.read_bytes())
        if not isinstance(data, dict) or (data.get("format"), data.get("digest")) != (FORMAT, str(manifest)):
            return None
        return TypeAdapter(ImageInventory).validate_python(data)
    except (OSError, ValueError, ValidationError):
        return None


def named(inventory: ImageInventory, rows: Sequence[LayerSize]) -> ImageInventory:
    """With the project's names for its layers; `rows` come from the build that made the image.

    What lies below the first of them is the distribution. Nothing is claimed when a row is unknown.
    """
    total = sum(layer.size for layer in inventory.layers)
    below = total - sum(row.size for row in rows)
    if not rows or below < 0 or not all(row.digest for row in rows):
        return inventory
    ground = (LayerSize("distribution", inventory.layers[0].digest, below),) if below else ()
    return replace(inventory, layers=(*ground, *rows))


def _note(files: dict[str, FileFact], entry: TarMember, digest: str) -> None:
    if entry.kind == b"1":
        files[entry.path] = files[entry.link]  # the file stands before its further names in what flatten writes
        return
    content = {b"2": entry.link, b"3": f"{entry.device}", b"4": f"{entry.device}"}.get(entry.kind, digest)
    capabilities = entry.xattrs.get("security.capability", b"")
    files[entry.path] = FileFact(
        kind=_KINDS[entry.kind],
        mode=entry.mode,
        uid=entry.uid,
        gid=entry.gid,
        size=entry.size,
        content=content,
        capabilities=parts.capabilities(capabilities) if capabilities else "",
    )


def _made(layout: Path, manifest: Digest, contents: Inventory, files: dict[str, FileFact]) -> ImageInventory:
    owners = parts.owners(contents)
    # Folders belong to many packages, so to none.
    owned = {
        path: fact._replace(package=owners.get(path, "")) if fact.kind != "d" else fact for path, fact in files.items()
    }
    return ImageInventory(
        digest=str(manifest),
        version=_version(contents),
        revision=_labels(layout, manifest).get("org.opencontainers.image.revision", ""),
        kernels=parts.kernels(owned),
        arguments=parts.arguments(contents),
        packages=_packages(contents),
        units=parts.units(owned),
        users=parts.users(contents.text("/etc/passwd")),
        groups=parts.groups(contents.text("/etc/group")),
        authorities=parts.authorities(contents),
        sysctls=parts.sysctls(contents),
        sshd=sshd(contents),
        pam=pam(contents),
        modules=parts.modules(owned),
        layers=tuple(LayerSize("", str(layer.digest), layer.size) for layer in layers(layout, manifest)),
        files=owned,
    )


def _packages(contents: Inventory) -> tuple[InstalledPackage, ...]:
    """Those of the database that is there; an image without any (a tool's) has none."""
    if contents.resolve("/var/lib/dpkg/status"):
        family = Family.DEBIAN
    elif any(path.endswith("rpmdb.sqlite") for path in contents.contents):
        family = Family.RHEL
    else:
        return ()
    found = installed_packages(contents, family)
    return tuple(InstalledPackage(each.name, each.version, each.arch) for each in found)


def _version(contents: Inventory) -> str:
    lines = contents.text("/etc/kairos-release").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line).get("KAIROS_VERSION", "").strip('"')


def _labels(layout: Path, manifest: Digest) -> dict[str, str]:
    config = small_json(layout, manifest).get("config")
    if not isinstance(config, dict):
        return {}
    inner = small_json(layout, Digest(str(config.get("digest")))).get("config")
    labels = inner.get("Labels") if isinstance(inner, dict) else None
    return {str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {}
