"""Sparse files: holes stay holes, runs go where they belong, and the checksum is that of every byte."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from imagekit.artifact.sparse import copy_runs, data_ranges, sha256_of

MIB = 1 << 20


@pytest.fixture
def holey(tmp_path: Path) -> Path:
    """A file of 32 MiB with two pieces of data, the second up to its end."""
    path = tmp_path / "holey"
    with path.open("wb") as stream:
        stream.truncate(32 * MIB)
        stream.seek(4 * MIB)
        stream.write(b"a" * MIB)
        stream.seek(31 * MIB)
        stream.write(b"b" * MIB)
    return path


def test_the_checksum_is_that_of_the_whole_file(holey: Path) -> None:
    assert sha256_of(holey) == hashlib.sha256(holey.read_bytes()).hexdigest()


def test_the_checksum_of_nothing_and_of_a_hole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    assert sha256_of(path) == hashlib.sha256(b"").hexdigest()
    with path.open("wb") as stream:
        stream.truncate(3 * MIB + 7)
    assert sha256_of(path) == hashlib.sha256(bytes(3 * MIB + 7)).hexdigest()


def test_a_copy_is_the_same_and_as_small(holey: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    size = holey.stat().st_size
    with copy.open("xb") as stream:
        stream.truncate(size)
    assert copy_runs(holey, copy, [(0, 0, size)]) == 2 * MIB
    assert copy.read_bytes() == holey.read_bytes()
    assert copy.stat().st_blocks == holey.stat().st_blocks


def test_runs_are_put_where_they_belong_without_their_holes(holey: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"")
    with target.open("r+b") as stream:
        stream.truncate(64 * MIB)
    # the data at 4 MiB lies half in the first run, half in the second
    half = 4 * MIB + MIB // 2
    copied = copy_runs(holey, target, [(0, 10 * MIB, half), (half, 40 * MIB, MIB)])
    assert copied == MIB
    found = target.read_bytes()
    assert found[14 * MIB : 14 * MIB + MIB // 2] == b"a" * (MIB // 2)
    assert found[40 * MIB : 40 * MIB + MIB // 2] == b"a" * (MIB // 2)
    with target.open("rb") as stream:
        assert sum(length for _, length in data_ranges(stream.fileno(), 64 * MIB)) == MIB
