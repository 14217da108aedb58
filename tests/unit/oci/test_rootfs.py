"""Layers of every builder end as containerd leaves them, or are refused by name (W20)."""

from __future__ import annotations

import io
import logging
import tarfile
from pathlib import Path

import pytest

from imagekit.oci.errors import ImageContentError
from imagekit.oci.flatten import flatten
from tests.support.layout import attributed, directory, hard_link, layer, layout, member, symlink

Member = tuple[tarfile.TarInfo, bytes]


def root(folder: Path, *layers: list[Member]) -> dict[str, tarfile.TarInfo]:
    """The members of the merged tar by path, in its order."""
    sink = io.BytesIO()
    flatten(folder, layout(folder, [layer(*members) for members in layers]), sink)
    sink.seek(0)
    with tarfile.open(fileobj=sink) as archive:
        found = archive.getmembers()
    assert len({each.name for each in found}) == len(found)
    return {each.name: each for each in found}


def owned(entry: Member, uid: int, name: str = "") -> Member:
    """The member with an owner."""
    entry[0].uid, entry[0].uname = uid, name
    return entry


@pytest.mark.parametrize("name", ["/", "./", ".", "//", "././"])
def test_a_root_entry_in_each_layer_changes_nothing(tmp_path: Path, name: str) -> None:
    """W20: kaniko writes one in each layer; containerd passes over it, so that the mode of the root stays 0755."""
    found = root(tmp_path, [directory(name, 0o700), member("a")], [directory(name, 0o777), member("b")])
    assert list(found) == ["a", "b"]


def test_absolute_paths_are_below_the_root(tmp_path: Path) -> None:
    found = root(tmp_path, [member("/etc/hosts", b"1"), hard_link("/etc/h", "/etc/hosts"), symlink("/l", "/etc")])
    assert list(found) == ["etc", "etc/h", "l", "etc/hosts"]
    assert (found["etc/hosts"].linkname, found["l"].linkname) == ("etc/h", "/etc")


def test_a_file_with_a_trailing_slash_is_a_file(tmp_path: Path) -> None:
    tar = bytearray(layer(member("x_", b"abc")))
    tar[0:2] = b"x/"
    tar[148:156] = b" " * 8
    tar[148:156] = b"%06o\0 " % sum(tar[:512])
    sink = io.BytesIO()
    flatten(tmp_path, layout(tmp_path, [bytes(tar)]), sink)
    with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as archive:
        assert [(each.name, each.isreg(), each.size) for each in archive] == [("x", True, 3)]


def test_the_number_of_an_owner_counts_and_no_name(tmp_path: Path) -> None:
    """Podman and GNU's tar write names; which number a name has is for the image to say, and no reader asks it."""
    found = root(tmp_path, [owned(member("x", b"1"), 1234, "root")])
    assert (found["x"].uid, found["x"].uname) == (1234, "")


def test_a_folder_twice_has_the_last_mode_and_all_that_is_in_it(tmp_path: Path) -> None:
    found = root(tmp_path, [directory("d", 0o700), member("d/a"), directory("d", 0o755), member("d/b")])
    assert (list(found), found["d"].mode) == (["d", "d/a", "d/b"], 0o755)


def test_a_link_in_the_place_of_a_folder_takes_along_what_is_in_it(tmp_path: Path) -> None:
    assert list(root(tmp_path, [directory("d"), member("d/a")], [member("d/b"), symlink("d", "elsewhere")])) == ["d"]


def test_a_link_in_the_place_of_a_folder_of_its_own_layer_is_refused(tmp_path: Path) -> None:
    """containerd sets the times of folders last, and does not find this one any more."""
    with pytest.raises(ImageContentError, match="in the place of a folder of its own"):
        root(tmp_path, [directory("d/e"), member("d/a"), symlink("d", "elsewhere")])


def test_a_folder_after_a_file_of_its_name_is_refused(tmp_path: Path) -> None:
    """Unpacked into one folder it is empty; with overlayfs what is below in `d` shows through."""
    with pytest.raises(ImageContentError, match="twice, as a folder after something else"):
        root(tmp_path, [directory("d"), member("d/old")], [member("d"), directory("d")])


@pytest.mark.parametrize("order", [1, -1], ids=["before", "after"])
def test_an_opaque_folder_keeps_what_its_layer_adds_before_and_after(tmp_path: Path, order: int) -> None:
    mine = [directory("d/sub"), member("d/sub/new"), member("d/new")]
    opaque = [member("d/.wh..wh..opq")]
    lower = [directory("d"), directory("d/sub", 0o700), member("d/sub/old"), member("d/old")]
    found = root(tmp_path, lower, opaque + mine if order > 0 else mine + opaque)
    assert (set(found), found["d/sub"].mode) == ({"d", "d/sub", "d/sub/new", "d/new"}, 0o755)


@pytest.mark.parametrize(
    "members",
    [
        [member("d/sub/new"), member("d/.wh..wh..opq")],
        [member("d/.wh..wh..opq"), member("d/sub/new")],
        [member("d/.wh.sub"), directory("d/sub")],
        [member("d/.wh.sub"), member("d/sub/new")],
    ],
    ids=["opaque-after", "opaque-before", "removed", "removed-without-entry"],
)
def test_what_each_snapshotter_ends_differently_is_refused(tmp_path: Path, members: list[Member]) -> None:
    """Unpacked into one folder `d/sub` is empty or 0755; with overlayfs what is below, or its mode, shows through."""
    with pytest.raises(ImageContentError, match="ends differently with each snapshotter"):
        root(tmp_path, [directory("d"), directory("d/sub", 0o700), member("d/sub/old")], members)


def test_an_opaque_root_hides_all_that_is_below(tmp_path: Path) -> None:
    assert list(root(tmp_path, [member("a"), directory("b")], [member(".wh..wh..opq"), member("c")])) == ["c"]


def test_a_removal_before_what_takes_its_place(tmp_path: Path) -> None:
    found = root(
        tmp_path,
        [directory("d"), member("d/old"), member("f")],
        [member(".wh.d"), member("d"), member(".wh.f"), directory("f")],
    )
    assert [(each.name, each.isdir()) for each in found.values()] == [("f", True), ("d", False)]


def test_a_removal_of_what_the_layer_holds_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageContentError, match="removes what it holds itself"):
        root(tmp_path, [member("x", b"old")], [member("x", b"new"), member(".wh.x")])


@pytest.mark.parametrize("name", [".wh.x", ".wh.nowhere", ".wh..wh.aufs"])
def test_a_removal_twice_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImageContentError, match="or twice"):
        root(tmp_path, [member("x", b"old")], [member(name), member(name)])


def test_a_removal_in_a_folder_that_is_nowhere_makes_the_folder(tmp_path: Path) -> None:
    assert list(root(tmp_path, [member("a")], [member("p/.wh.x")])) == ["p", "a"]


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", "d/.wh.x/y"])
def test_names_of_removals_that_name_nothing_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImageContentError, match=r"removes nothing|below a name"):
        root(tmp_path, [member(name)])


def test_the_bookkeeping_of_aufs_is_left_out(tmp_path: Path) -> None:
    found = root(tmp_path, [directory(".wh..wh.plnk"), member(".wh..wh.plnk/1.2"), member(".wh..wh.aufs"), member("x")])
    assert list(found) == ["x"]


def test_a_link_of_the_same_layer_is_followed(tmp_path: Path) -> None:
    """Bazel and ostree: `bin` is a link and files are put below it; every snapshotter of containerd follows it."""
    mine = [directory("usr/bin"), symlink("bin", "usr/bin"), member("bin/sh", b"1"), hard_link("h", "bin/sh")]
    found = root(tmp_path, mine)
    assert set(found) == {"usr", "usr/bin", "bin", "usr/bin/sh", "h"}


def test_a_link_cannot_lead_out(tmp_path: Path) -> None:
    found = root(tmp_path, [symlink("a", "../../../etc"), member("a/x", b"1")])
    assert set(found) == {"a", "etc", "etc/x"}


def test_a_circle_of_links_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageContentError, match="circle of links"):
        root(tmp_path, [symlink("a", "b"), symlink("b", "a"), member("a/x")])


@pytest.mark.parametrize(
    "members",
    [
        [[hard_link("h", "x"), member("x", b"1")]],
        [[member("x", b"1")], [hard_link("h", "x")]],
        [[directory("x"), hard_link("h", "x")]],
        [[hard_link("h", "d/x")]],
        [[hard_link("h", "")]],
        [[member("x", b"1"), hard_link("x", "x")]],
    ],
    ids=["before", "lower-layer", "folder", "nowhere", "root", "itself"],
)
def test_hard_links_that_containerd_refuses_are_refused(tmp_path: Path, members: list[list[Member]]) -> None:
    with pytest.raises(ImageContentError, match="not in its layer"):
        root(tmp_path, *members)


def test_a_hard_link_says_the_last_word_on_its_file(tmp_path: Path) -> None:
    """containerd sets owner and mode of a link's own header, and so of the file that it names."""
    link = owned(hard_link("b", "a"), 7)
    link[0].mode = 0o600
    found = root(tmp_path, [member("a", b"1", mode=0o644), link])
    assert (found["a"].uid, found["a"].mode, found["b"].linkname) == (7, 0o600, "a")


def test_a_hard_link_to_a_symbolic_link_is_one_more(tmp_path: Path) -> None:
    found = root(tmp_path, [symlink("a", "nowhere"), hard_link("b", "a")])
    assert [each.linkname for each in found.values() if each.issym()] == ["nowhere", "nowhere"]


def test_hard_links_to_an_empty_file_stay_links(tmp_path: Path) -> None:
    found = root(tmp_path, [member("b"), hard_link("a", "b"), hard_link("c", "b")])
    assert [(each.name, each.linkname) for each in found.values()] == [("a", ""), ("b", "a"), ("c", "a")]


def test_attributes_that_a_boot_path_loses_are_dropped_on_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """W21: ACLs no squashfs holds, trusted ones containerd does not set; what is dropped is said."""
    names = ("user.k", "security.selinux", "system.posix_acl_access", "trusted.t", "odd")
    with caplog.at_level(logging.WARNING):
        found = root(tmp_path, [attributed(member("x", b"1"), dict.fromkeys(names, "v"))])
    assert sorted(found["x"].pax_headers) == ["SCHILY.xattr.security.selinux", "SCHILY.xattr.user.k"]
    assert "1 files of the image have POSIX ACLs" in caplog.text


@pytest.mark.parametrize("pax", [{"user.k": "v" * 4000}, {"user.a b": "v"}, {"user.ü": "v"}, {'user."': "v"}])
def test_attributes_that_no_disk_keeps_are_refused(tmp_path: Path, pax: dict[str, str]) -> None:
    with pytest.raises(ImageContentError, match="extended attributes that no disk can keep"):
        root(tmp_path, [attributed(member("x", b"1"), pax)])
