"""Disks in a static store: a folder that a web server serves, or that is copied to one (rsync, an S3-compatible store).

The address is made of the image's name and the disk's own SHA-256, as rendered VMImages have it (`ARTIFACTS/IMAGE/
SHA256.FORMAT`), so what stands there once never changes.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from imagekit.artifact.formats import DiskFormat, checksum_path
from imagekit.base import process
from imagekit.base.errors import RefusedError
from imagekit.base.log import step
from imagekit.base.space import space_for
from imagekit.oci.reference import Digest

_COPY_SECONDS = 3600.0


class StoreTakenError(RefusedError):
    """What stands at an address of a store is something else than its name says."""


def store_path(store: Path, image: str, form: DiskFormat, sha256: str) -> Path:
    """Where a disk is in a store; `sha256` in bare hex."""
    return store / image / f"{sha256}.{form.value}"


def store_disk(store: Path, image: str, form: DiskFormat, path: Path) -> Path:
    """Put a written disk, which has its checksum beside it, into a store; returns where it is.

    Whole or not at all, and never over something else: what is there already is hashed and left alone, or refused by
    `StoreTakenError`. Raises `NoSpaceError`.
    """
    sha256 = checksum_path(path).read_text().split()[0]
    target = store_path(store, image, form, sha256)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with step(f"Storing {target.relative_to(store)}"), space_for(target.name, target.parent, path.stat().st_size):
            _put(path, target, sha256)
    elif Digest.of_file(target).hex != sha256:
        raise StoreTakenError(
            f"{target} is not the disk that its name says",
            hint="Somebody wrote to the store, or its disk is damaged. Nodes may have been made from it: look into it, "
            "then remove the file.",
        )
    checksum = checksum_path(target)
    if not checksum.exists():
        _link(f"{sha256}  {target.name}\n", checksum)
    return target


def _put(path: Path, target: Path, sha256: str) -> None:
    """Under another name first; hashed there, so that what was written is what is served."""
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        process.run(["cp", "--sparse=always", "--reflink=auto", "--", path, fresh], timeout=_COPY_SECONDS)
        if Digest.of_file(fresh).hex != sha256:
            raise StoreTakenError(
                f"{path} is not what {checksum_path(path).name} says", hint="Write it again: `imagekit disk`."
            )
        fresh.chmod(0o444)
        _named(fresh, target)
    finally:
        fresh.unlink(missing_ok=True)


def _link(text: str, target: Path) -> None:
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        fresh.write_text(text)
        fresh.chmod(0o444)
        _named(fresh, target)
    finally:
        fresh.unlink(missing_ok=True)


def _named(fresh: Path, target: Path) -> None:
    """Give a whole file its name, unless another process gave it to the same bytes first."""
    try:
        os.link(fresh, target)
    except FileExistsError:
        if Digest.of_file(target) != Digest.of_file(fresh):
            raise StoreTakenError(f"{target} was written meanwhile, and differs", hint="Look into it.") from None
