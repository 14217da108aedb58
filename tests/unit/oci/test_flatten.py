"""Layers merged into one root: what an extraction layer by layer would have left, and nothing hostile."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from imagekit.oci.errors import ImageContentError
from imagekit.oci.flatten import flatten
from imagekit.oci.layout import Compression, blob_path, layers
from imagekit.oci.reference import Digest
from tests.support.layout import directory, hard_link, layer, layout, member, packed_layout, symlink


def merged(folder: Path, *tars: bytes, packed: Compression = Compression.ZSTD) -> tarfile.TarFile:
    """The flattened tar of a layout of these layers."""
    sink = io.BytesIO()
    written = flatten(folder, layout(folder, tars, packed), sink)
    assert written == len(sink.getvalue())
    sink.seek(0)
    return tarfile.open(fileobj=sink)


def text(archive: tarfile.TarFile, name: str) -> str:
    """A file's content."""
    stream = archive.extractfile(name)
    assert stream is not None
    return stream.read().decode()


def names(archive: tarfile.TarFile) -> set[str]:
    """All paths, each of which must appear once."""
    found = archive.getnames()
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.parametrize("packed", list(Compression))
def test_upper_layers_win(tmp_path: Path, packed: Compression) -> None:
    archive = merged(
        tmp_path,
        layer(directory("etc"), member("etc/a", b"old"), member("etc/b", b"kept")),
        layer(member("etc/a", b"new")),
        packed=packed,
    )
    assert names(archive) == {"etc", "etc/a", "etc/b"}
    assert (text(archive, "etc/a"), text(archive, "etc/b")) == ("new", "kept")


def test_whiteout_removes_a_file_and_a_folder_with_all_in_it(tmp_path: Path) -> None:
    archive = merged(
        tmp_path,
        layer(directory("d"), directory("d/sub"), member("d/sub/x"), member("f"), member("f2")),
        layer(member(".wh.f"), member("d/.wh.sub")),
    )
    assert names(archive) == {"d", "f2"}


def test_whiteout_does_not_reach_its_own_layer(tmp_path: Path) -> None:
    archive = merged(
        tmp_path,
        layer(directory("d"), member("d/old")),
        layer(directory("d"), member("d/new"), member("d/.wh..wh..opq")),
    )
    assert names(archive) == {"d", "d/new"}


def test_an_opaque_folder_keeps_its_lower_metadata(tmp_path: Path) -> None:
    lower = layer(directory("d", mode=0o750), member("d/old"))
    archive = merged(tmp_path, lower, layer(member("d/.wh..wh..opq"), member("d/new")))
    assert names(archive) == {"d", "d/new"}
    assert archive.getmember("d").mode == 0o750


def test_whiteout_of_a_lower_layer_hides_nothing_above(tmp_path: Path) -> None:
    archive = merged(tmp_path, layer(member("a", b"1")), layer(member(".wh.a")), layer(member("a", b"3")))
    assert text(archive, "a") == "3"


def test_file_over_folder_hides_what_was_in_it(tmp_path: Path) -> None:
    archive = merged(tmp_path, layer(directory("p"), member("p/x")), layer(symlink("p", "elsewhere")))
    assert names(archive) == {"p"}
    assert archive.getmember("p").linkname == "elsewhere"


def test_folder_metadata_comes_from_the_top(tmp_path: Path) -> None:
    archive = merged(tmp_path, layer(directory("p"), member("p/x")), layer(directory("p", mode=0o700)))
    assert names(archive) == {"p", "p/x"}
    assert archive.getmember("p").mode == 0o700


def test_folders_that_no_layer_names_are_made(tmp_path: Path) -> None:
    archive = merged(tmp_path, layer(directory("a", mode=0o700)), layer(member("a/b/c/d"), member("e/f")))
    assert names(archive) == {"a", "a/b", "a/b/c", "a/b/c/d", "e", "e/f"}
    assert (archive.getmember("a").mode, archive.getmember("a/b").mode, archive.getmember("a/b").mtime) == (
        0o700,
        0o755,
        0,
    )


@pytest.mark.parametrize("below", [symlink("bin", "usr/bin"), member("bin")], ids=["link", "file"])
def test_a_file_below_what_is_no_folder_is_refused(tmp_path: Path, below: tuple[tarfile.TarInfo, bytes]) -> None:
    with pytest.raises(ImageContentError, match="into /bin, which is no folder"):
        merged(tmp_path, layer(below), layer(member("bin/tool")))


def test_hard_links_survive(tmp_path: Path) -> None:
    archive = merged(tmp_path, layer(member("a", b"data"), hard_link("b", "a")))
    assert archive.getmember("b").islnk()
    assert text(archive, "b") == "data"


def test_hard_link_to_a_replaced_file_keeps_the_old_data(tmp_path: Path) -> None:
    lower = layer(member("a", b"old data", SCHILY__xattr__user__k="v"), hard_link("b", "a"), hard_link("c", "a"))
    archive = merged(tmp_path, lower, layer(member("a", b"new")))
    assert [text(archive, name) for name in "abc"] == ["new", "old data", "old data"]
    assert archive.getmember("b").isreg()
    assert archive.getmember("b").pax_headers["SCHILY.xattr.user.k"] == "v"
    assert archive.getmember("c").linkname == "b"


def test_extended_attributes_long_names_and_large_owners_pass_unchanged(tmp_path: Path) -> None:
    long = "d/" + "x" * 240
    archive = merged(tmp_path, layer(member(long, b"1", SCHILY__xattr__security__capability="cap")))
    assert archive.getmember(long).pax_headers["SCHILY.xattr.security.capability"] == "cap"


def test_gnu_long_names(tmp_path: Path) -> None:
    long = "d/" + "y" * 150 + "/" + "y" * 150
    archive = merged(tmp_path, layer(directory("d"), member(long, b"1"), hard_link("z", long), form=tarfile.GNU_FORMAT))
    assert names(archive) == {"d", "d/" + "y" * 150, long, "z"}


def test_container_marks_are_dropped(tmp_path: Path) -> None:
    archive = merged(tmp_path, layer(member(".dockerenv"), directory("run"), member("run/.containerenv"), member("x")))
    assert names(archive) == {"run", "x"}


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/../etc/passwd", "a/.."])
def test_paths_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImageContentError, match="leads out"):
        merged(tmp_path, layer(member(name)))


def test_hard_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageContentError, match="leads out"):
        merged(tmp_path, layer(hard_link("x", "../../etc/shadow")))


def test_hard_link_to_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageContentError, match="not in its layer"):
        merged(tmp_path, layer(hard_link("x", "nowhere")))


def test_of_a_path_twice_in_a_layer_the_last_wins(tmp_path: Path) -> None:
    """W20: as containerd has it; a hard link made between the two keeps the first."""
    archive = merged(tmp_path, layer(member("x", b"1"), hard_link("y", "x"), member("x", b"22", mode=0o600)))
    assert (text(archive, "x"), text(archive, "y"), archive.getmember("x").mode) == ("22", "1", 0o600)


@pytest.mark.parametrize("tar", [b"no tar at all" * 100, layer(member("x", b"1" * 4000))[:2000]])
def test_damaged_archives_are_refused(tmp_path: Path, tar: bytes) -> None:
    with pytest.raises(ImageContentError):
        merged(tmp_path, tar)


@pytest.mark.parametrize("packed", [Compression.GZIP, Compression.ZSTD])
def test_what_is_not_packed_at_all_is_refused(tmp_path: Path, packed: Compression) -> None:
    digest = packed_layout(tmp_path, [b"?" * 1000], packed)
    with pytest.raises(ImageContentError, match=f"is not {packed}"):
        flatten(tmp_path, digest, io.BytesIO())


def test_a_changed_byte_in_a_layer_is_refused(tmp_path: Path) -> None:
    digest = layout(tmp_path, [layer(member("x", b"a" * 4000))], Compression.NONE)
    blob = blob_path(tmp_path, layers(tmp_path, digest)[0].digest)
    data = bytearray(blob.read_bytes())
    data[600] = ord("b")
    blob.write_bytes(data)
    with pytest.raises(ImageContentError, match="does not have that digest"):
        flatten(tmp_path, digest, io.BytesIO())


def test_a_longer_blob_is_refused(tmp_path: Path) -> None:
    digest = layout(tmp_path, [layer(member("x"))], Compression.NONE)
    blob = blob_path(tmp_path, layers(tmp_path, digest)[0].digest)
    blob.write_bytes(blob.read_bytes() + b"\0")
    with pytest.raises(ImageContentError, match="does not have that digest"):
        flatten(tmp_path, digest, io.BytesIO())


def test_a_changed_manifest_is_refused(tmp_path: Path) -> None:
    digest = layout(tmp_path, [layer(member("x"))])
    path = blob_path(tmp_path, digest)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ImageContentError, match="does not have that digest"):
        flatten(tmp_path, digest, io.BytesIO())


def test_an_absent_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageContentError, match="not in the layout"):
        flatten(tmp_path, Digest.of(b"x"), io.BytesIO())
