"""Files that a layer takes from elsewhere: fetched here, from where this organisation has them, and held to the lock.

What the framework would fetch by itself during a build knows no mirror and no local file, and compares nothing.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from urllib.error import HTTPError, URLError

from imagekit.base.errors import RefusedError, ToolError
from imagekit.base.files import sha256_of
from imagekit.base.log import step

_TIMEOUT = 60.0  # seconds without a byte
_PIECE = 1 << 20
_LARGEST = 2 << 30


class DownloadError(ToolError):
    """A file could not be fetched."""


class WrongFileError(RefusedError):
    """A file is not the one that images.lock, or another list of checksums, names."""


def mirrored(address: str, mirrors: Mapping[str, str]) -> str:
    """Where an address is read from: the longest prefix of it in `mirrors` is replaced."""
    known = [prefix for prefix in mirrors if address.startswith(prefix)]
    if not known:
        return address
    prefix = max(known, key=len)
    return mirrors[prefix] + address.removeprefix(prefix)


def downloads_folder(downloads: Mapping[str, str], work: Path, mirrors: Mapping[str, str]) -> Path:
    """A folder of `work` with exactly these files (address to SHA-256), each by its SHA-256 as its name.

    Raises `DownloadError`, and `WrongFileError` for content that is not what images.lock names.
    """
    kept = work / "downloads"
    name = hashlib.sha256("\n".join(sorted(downloads.values())).encode()).hexdigest()[:16]
    folder = kept / f"set-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    for address, checksum in downloads.items():
        file = fetched(address, checksum, kept, mirrors)
        if not (folder / checksum).exists():
            os.link(file, folder / checksum)
    return folder


def fetched(address: str, checksum: str, into: Path, mirrors: Mapping[str, str], *, by: str = "images.lock") -> Path:
    """One file, kept in `into` by its SHA-256 and checked each time; raises as `downloads_folder`.

    `by` says what names the checksum.
    """
    file = into / checksum
    if file.exists() and sha256_of(file) == checksum:
        return file
    source = mirrored(address, mirrors)
    into.mkdir(parents=True, exist_ok=True)
    with step(f"Fetching {source}"), tempfile.NamedTemporaryFile(dir=into, prefix=".new-") as partial:
        found = _read(source, partial.name)
        if found != checksum:
            raise WrongFileError(
                f"{source} has the SHA-256 {found}, {by} names {checksum} for {address}",
                hint="Is it the same version? A mirror must have the publisher's own file.",
            )
        Path(partial.name).chmod(0o755)
        file.unlink(missing_ok=True)
        os.link(partial.name, file)
    return file


def _read(source: str, target: str) -> str:
    state, size = hashlib.sha256(), 0
    try:
        # Proxies are those of the environment; file: is for a copy on this machine.
        with urllib.request.urlopen(source, timeout=_TIMEOUT) as answer, Path(target).open("wb") as stream:
            while piece := answer.read(_PIECE):
                size += len(piece)
                if size > _LARGEST:
                    raise DownloadError(f"{source} has more than {_LARGEST >> 30} GiB")
                state.update(piece)
                stream.write(piece)
    except (URLError, OSError, ValueError) as error:
        if isinstance(error, HTTPError):
            error.close()  # it holds the connection
        raise DownloadError(
            f"{source} could not be fetched ({error})",
            hint="`mirrors` in imagekit.yaml says where else it is: a mirror, or a folder by file:///path/.",
        ) from None
    return state.hexdigest()
