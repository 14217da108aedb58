"""Large files that are mostly holes: copying what they hold, and nothing else."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

_PIECE = 64 << 20
_HASHED = 1 << 20
Run = tuple[int, int, int]  # offset in the source, offset in the target, length; all in bytes


def data_ranges(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """The parts of a file that hold data, as (offset, length)."""
    at = 0
    while at < size:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole follows
                return
            raise
        at = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
        yield start, at - start


def copy_runs(source: Path, target: Path, runs: Sequence[Run]) -> int:
    """Copy runs of one file into another that exists, holes left out; returns the bytes copied.

    The kernel does it: shared blocks where the file system can, a copy without a detour otherwise.
    """
    copied = 0
    with source.open("rb") as reading, target.open("r+b") as writing:
        size = os.fstat(reading.fileno()).st_size
        for start, length in data_ranges(reading.fileno(), size):
            for at, to, span in runs:
                first, last = max(start, at), min(start + length, at + span)
                if first < last:
                    _copy(reading.fileno(), writing.fileno(), first, to + first - at, last - first)
                    copied += last - first
    return copied


def sha256_of(path: Path) -> str:
    """The SHA-256 of a whole file in hex; holes count as the zeros that they are, and are not read."""
    state, zeros = hashlib.sha256(), memoryview(bytes(_HASHED))
    with path.open("rb", buffering=0) as stream:
        at, size = 0, os.fstat(stream.fileno()).st_size
        for start, length in (*data_ranges(stream.fileno(), size), (size, 0)):
            while at < start:
                piece = zeros[: min(_HASHED, start - at)]
                state.update(piece)
                at += len(piece)
            stream.seek(start)
            while at < start + length:
                chunk = stream.read(min(_HASHED, start + length - at))
                state.update(chunk)
                at += len(chunk)
    return state.hexdigest()


def _copy(reading: int, writing: int, start: int, to: int, length: int) -> None:
    while length:
        done = os.copy_file_range(reading, writing, min(length, _PIECE), start, to)
        if not done:
            raise OSError(errno.EIO, "a file became shorter while it was copied")
        start, to, length = start + done, to + done, length - done
