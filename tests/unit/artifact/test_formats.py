"""Formats of a disk: whole files with the checksum that is theirs, and the same bytes whenever they are written."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from imagekit.artifact.formats import checksum_path, to_qcow2, to_vmdk, whole_file
from imagekit.artifact.programs import find
from imagekit.base.process import run

MIB = 1 << 20


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A small raw disk with data here and there."""
    path = tmp_path / "disk.raw"
    with path.open("wb") as stream:
        stream.truncate(24 * MIB)
        for at in (0, 7, 23):
            stream.seek(at * MIB)
            stream.write(hashlib.sha256(bytes([at])).digest() * 1000)
    return path


def information(path: Path) -> dict[str, object]:
    """What qemu-img says of an image."""
    reported = run([find("qemu-img", "qemu-utils"), "info", "--output=json", path], timeout=20).stdout
    found: dict[str, object] = json.loads(reported)
    return found


def same_content(raw: Path, path: Path) -> None:
    """Both read the same; raises otherwise."""
    run([find("qemu-img", "qemu-utils"), "compare", raw, path], timeout=60)


def test_a_file_gets_its_name_together_with_its_checksum(tmp_path: Path) -> None:
    target = tmp_path / "node.raw"
    with whole_file(target) as fresh:
        fresh.write_bytes(b"disk")
        assert not target.exists()
    assert target.read_bytes() == b"disk"
    run(["sha256sum", "--check", "--strict", checksum_path(target).name], timeout=10, cwd=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["node.raw", "node.raw.sha256"]


def test_a_failed_writing_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "node.raw"
    with whole_file(target) as fresh:
        fresh.write_bytes(b"earlier")
    with pytest.raises(FileNotFoundError), whole_file(target):
        (tmp_path / "nothing.raw").rename(target)
    assert target.read_bytes() == b"earlier"
    run(["sha256sum", "--check", "--strict", checksum_path(target).name], timeout=10, cwd=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".imagekit-disk-4194303-abc"
    left.mkdir()
    with whole_file(tmp_path / "x") as fresh:
        fresh.write_bytes(b"")
    assert not left.exists()


def test_a_qcow2_is_whole_and_twice_the_same(raw: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one.qcow2", tmp_path / "other.qcow2"
    to_qcow2(raw, one)
    to_qcow2(raw, other)
    assert one.read_bytes() == other.read_bytes()
    assert information(one)["format"] == "qcow2"
    run([find("qemu-img", "qemu-utils"), "check", one], timeout=60)
    same_content(raw, one)


def test_a_vmdk_is_stream_optimized_and_the_same_under_another_name(raw: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one.vmdk", tmp_path / "a-longer-name.vmdk"
    to_vmdk(raw, one, identity="0123abcd")
    to_vmdk(raw, other, identity="0123abcd")
    assert one.read_bytes() == other.read_bytes()
    specific = information(one)["format-specific"]
    assert isinstance(specific, dict)
    assert specific["data"]["create-type"] == "streamOptimized"
    assert specific["data"]["cid"] == 0x0123ABCD
    same_content(raw, one)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-longer-name.vmdk", "disk.raw", "one.vmdk"]
