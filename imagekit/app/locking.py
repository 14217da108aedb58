"""Fill images.lock: ask registries for the digests of tags, and publishers for the checksums of their files."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.error import URLError

import yaml

from imagekit.base.errors import ToolError
from imagekit.base.files import write_whole
from imagekit.base.log import step
from imagekit.build.download import mirrored
from imagekit.config.imagesfile import ImageBase, ImageInit, ImageSpec, LockFile
from imagekit.config.load import LOCK_FILE, Project
from imagekit.oci.reference import Reference
from imagekit.plan.lock import download_address, listing_address, taken_downloads
from imagekit.registry.address import api_host
from imagekit.registry.client import Registry

_HEADER = """\
# Written by `imagekit lock`; look at every change of it as you would at code.
# images: the digest of each tag that images.yaml names. files: SHA-256 of what layers and the framework download.
"""
_LISTING_LIMIT = 1 << 20
_SUM = re.compile(r"([0-9a-f]{64})[ \t]+\*?(\S+)")


class LockError(ToolError):
    """A digest or checksum could not be looked up."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the lock has to hold: image names, and for each file the list its checksum stands in."""

    images: tuple[str, ...]
    files: dict[str, str]


@dataclass(slots=True)
class Changes:
    """What a run of `refresh` wrote: name and value of each new or changed entry."""

    entries: dict[str, str] = field(default_factory=dict)


def wanted_of(project: Project, names: Iterable[str]) -> Wanted:
    """Everything these images take from elsewhere, for all of their architectures."""
    images: dict[str, None] = {}
    files: dict[str, str] = {}
    for name in names:
        image = project.image(name)
        images.update(dict.fromkeys(_tags(image)))
        files.update(_files(project, image))
    return Wanted(tuple(images), files)


def refresh(
    project: Project,
    names: Iterable[str],
    *,
    update: bool = False,
    write: bool = True,
    registry: Callable[[str], Registry] = Registry,
    read: Callable[[str], str] | None = None,
) -> Changes:
    """Look up what is missing in images.lock, or all of it, and write the file; nothing is written on a failure.

    Without `write` it is only told what would be.

    Raises `LockError`, or what the registry raises. Entries of other images stay as they are.
    """
    wanted, lock, changes = wanted_of(project, names), project.lock, Changes()
    images, files = dict(lock.images), dict(lock.files)
    for name in wanted.images:
        if update or name not in images:
            _put(images, name, _digest(name, registry), changes)
    for url, listing in wanted.files.items():
        if update or url not in files:
            _put(files, url, _checksum(url, mirrored(listing, project.settings.mirrors), read or read_listing), changes)
    if changes.entries and write:
        write_whole(project.root / LOCK_FILE, as_text(LockFile(images=images, files=files)))
    return changes


def as_text(lock: LockFile) -> str:
    """The file, sorted, so that a look-up of the same things gives the same bytes."""
    data = {"version": 1, "images": dict(sorted(lock.images.items())), "files": dict(sorted(lock.files.items()))}
    return _HEADER + yaml.safe_dump(data, sort_keys=False, width=1000)


def read_listing(url: str) -> str:
    """A publisher's list of checksums, at most 1 MiB; raises `LockError`."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return str(answer.read(_LISTING_LIMIT).decode("utf-8", "replace"))
    except (URLError, OSError) as error:
        raise LockError(
            f"{url} could not be read ({error})",
            hint="Run `imagekit lock` where it can be reached, or name a mirror in imagekit.yaml (`mirrors`).",
        ) from None


def _tags(image: ImageSpec) -> list[str]:
    parts = [part.image for part in (image.base, image.kairos_init) if isinstance(part, ImageBase | ImageInit)]
    return [name for name in parts if "@" not in name]


def _files(project: Project, image: ImageSpec) -> dict[str, str]:
    found: dict[str, str] = {}
    for layer in (project.layers[name] for name in image.layers):
        args = {key: image.args.get(key, default) for key, default in layer.args.items()}
        for download in taken_downloads(layer, image).values():
            for arch in image.arch:
                found[download_address(download, args, arch)] = listing_address(download, args, arch)
    return found


def _digest(name: str, registry: Callable[[str], Registry]) -> str:
    reference = Reference.parse(name)
    with step(f"Digest of {name}") as current, registry(api_host(reference.registry)) as client:
        digest = client.resolve(reference)
        if digest is None:
            raise LockError(f"{name}: the registry has no such tag", hint="Correct the tag in images/images.yaml.")
        current.note = digest.short
    return str(digest)


def _checksum(url: str, listing: str, read: Callable[[str], str]) -> str:
    file = url.rpartition("/")[2]
    with step(f"Checksum of {file}"):
        sums = {found[2]: found[1] for found in _SUM.finditer(read(listing))}
    if file not in sums:
        raise LockError(f"{listing} names no checksum of {file}", hint="Correct `downloads` in the layer.yaml.")
    return sums[file]


def _put(entries: dict[str, str], name: str, value: str, changes: Changes) -> None:
    if entries.get(name) != value:
        entries[name] = changes.entries[name] = value
