"""Disks at addresses that never change: put once, whole, and never over something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.app.diskstore import StoreTakenError, store_disk, store_path
from imagekit.artifact.formats import DiskFormat, checksum_path, whole_file
from imagekit.oci.reference import Digest
from tests.unit.cli.test_exit_codes import imagekit

DISK = b"begin" + bytes(1 << 20) + b"end"


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "node.qcow2"
    with whole_file(path) as fresh:
        fresh.write_bytes(DISK)
    return path


@pytest.mark.parametrize("form", [DiskFormat.QCOW2, DiskFormat.OVA, DiskFormat.RAW])
def test_it_stands_where_rendered_images_look_for_it(tmp_path: Path, disk: Path, form: DiskFormat) -> None:
    found = store_disk(tmp_path / "www", "node", form, disk)
    sha256 = Digest.of(DISK).hex
    assert found == tmp_path / "www" / "node" / f"{sha256}.{form}" == store_path(tmp_path / "www", "node", form, sha256)
    assert found.read_bytes() == DISK
    assert found.stat().st_mode & 0o777 == 0o444
    assert checksum_path(found).read_text() == f"{sha256}  {found.name}\n"
    assert sorted(each.name for each in found.parent.iterdir()) == sorted([found.name, checksum_path(found).name])


def test_twice_changes_nothing(tmp_path: Path, disk: Path) -> None:
    first = store_disk(tmp_path, "node", DiskFormat.QCOW2, disk)
    before = first.stat()
    checksum_path(first).unlink()
    assert store_disk(tmp_path, "node", DiskFormat.QCOW2, disk) == first
    assert (first.stat().st_ino, first.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert checksum_path(first).exists(), "what a kill left out is made up for"


@pytest.mark.attack
def test_something_else_under_the_name_is_refused_and_stays(tmp_path: Path, disk: Path) -> None:
    target = store_path(tmp_path, "node", DiskFormat.QCOW2, Digest.of(DISK).hex)
    target.parent.mkdir()
    target.write_bytes(b"evil")
    with pytest.raises(StoreTakenError, match="is not the disk that its name says"):
        store_disk(tmp_path, "node", DiskFormat.QCOW2, disk)
    assert target.read_bytes() == b"evil"


@pytest.mark.attack
def test_a_file_that_is_not_what_its_checksum_says_is_not_stored(tmp_path: Path, disk: Path) -> None:
    disk.write_bytes(DISK + b"x")
    with pytest.raises(StoreTakenError, match="is not what"):
        store_disk(tmp_path / "www", "node", DiskFormat.QCOW2, disk)
    assert list((tmp_path / "www" / "node").iterdir()) == []


def test_of_two_at_once_the_second_takes_what_the_first_put(
    tmp_path: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = Digest.of_file
    target = store_path(tmp_path, "node", DiskFormat.QCOW2, Digest.of(DISK).hex)

    def racing(path: Path) -> Digest:
        if not target.exists():
            target.write_bytes(DISK)
        return hashed(path)

    monkeypatch.setattr(Digest, "of_file", racing)
    assert store_disk(tmp_path, "node", DiskFormat.QCOW2, disk) == target
    assert len(list(target.parent.iterdir())) == 2


def test_only_a_disk_of_a_published_image_is_stored(tmp_path: Path) -> None:
    done = imagekit(tmp_path, "disk", "small-node", "--format", "raw", "--store", str(tmp_path / "www"))
    assert done.returncode == 2
    assert "--push" in done.stderr or "checkout" in done.stderr
