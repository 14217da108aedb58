"""Disks of an image written where there is no space: the path and the need are told, nothing of ours stays."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest

from imagekit.artifact import installed
from imagekit.artifact.formats import to_qcow2, whole_file
from imagekit.artifact.grub import BiosCore, BootFiles
from imagekit.artifact.installed import installed_disk, write_installed
from imagekit.base.errors import ToolError
from imagekit.base.space import NoSpaceError, require_temporary, space_for
from tests.support.layout import layer, layout, member
from tests.support.smalldisk import enlarge, files, read_only, small_disk

pytestmark = pytest.mark.attack
MIB = 1 << 20
BOOT = BootFiles(bios=BiosCore(b"boot code".ljust(440, b"\0"), b"core image"), efi={"EFI/a": b"shim"}, state={})


@pytest.mark.parametrize(("content", "needs"), [(60, "9"), (12, "")], ids=["for the tar", "for the file systems"])
def test_an_installed_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: int, needs: str) -> None:
    """The tar of 12 MiB and a file system of it fit into 40 MiB, three copies of that in the disk do not."""
    monkeypatch.setattr(installed, "boot_files", lambda *_: BOOT)
    oci = tmp_path / "oci"
    image = layout(oci, [layer(member("data", random.Random(1).randbytes(content * MIB)))])
    with small_disk(tmp_path / "work") as work:
        said = rf"installed disk of {image.short} needs about {needs}\d+ MiB in {work}, where (39|40) MiB are free"
        with pytest.raises(NoSpaceError, match=said):
            write_installed(oci, image, work / "disk.raw")
        assert files(work) == []
        with pytest.raises(NoSpaceError):
            installed_disk(oci, image, work)
        assert files(work) == []
        enlarge(work, 500)
        write_installed(oci, image, work / "disk.raw")
        assert files(work) == ["disk.raw"]


def test_a_qcow2(tmp_path: Path) -> None:
    raw = tmp_path / "disk.raw"
    raw.write_bytes(random.Random(1).randbytes(60 * MIB))
    with small_disk(tmp_path / "work") as work:
        target = work / "disk.qcow2"
        said = rf"disk.qcow2 needs about 60 MiB in {work}/\S+, where (39|40) MiB are free: No space left on device"
        with pytest.raises(NoSpaceError, match=said), whole_file(target) as fresh:
            to_qcow2(raw, fresh)
        assert files(work) == []
        enlarge(work, 100)
        with whole_file(target) as fresh:
            to_qcow2(raw, fresh)
        assert files(work) == ["disk.qcow2", "disk.qcow2.sha256"]


def test_a_read_only_file_system_is_not_called_full(tmp_path: Path) -> None:
    """`imagekit test` in a checkout that a container has read-only; 68 GiB were free."""
    with small_disk(tmp_path / "work") as work:
        read_only(work)
        said = r"^a page writes to .*/work, which is on a read-only"
        with pytest.raises(NoSpaceError, match=said) as caught, space_for("a page", work):
            (work / "page").write_text("")
        assert "mount one there" in caught.value.hint
        assert "free" not in str(caught.value)


def test_a_full_folder_of_temporary_files_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was "could not run a boot sector: check that the package qemu-system-x86 is whole"."""
    with small_disk(tmp_path / "tmp") as folder:
        monkeypatch.setenv("TMPDIR", str(folder))
        monkeypatch.setattr(tempfile, "tempdir", None)
        with pytest.raises(NoSpaceError, match=rf"a run needs about 64 MiB .* in {folder}, where 40 MiB are free"):
            require_temporary("a run")
        enlarge(folder, 100)
        require_temporary("a run")


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_a_folder_of_temporary_files_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TMPDIR", str(tmp_path / kind))
    with pytest.raises(ToolError, match=f"TMPDIR names .*/{kind}, which is no folder"):
        require_temporary("a run")


def test_an_error_of_another_kind_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "disk.raw") as fresh:
        fresh.read_bytes()
