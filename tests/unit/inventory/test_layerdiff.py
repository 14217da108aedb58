"""Why two images have two digests: which file of which layer, and in what."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from imagekit.inventory.compare import Comparison
from imagekit.inventory.layerdiff import Image, LayerChange, first_difference, layer_changes
from imagekit.oci.errors import ImageContentError
from imagekit.report.differences import as_html, as_text
from tests.support.layout import layer, layout, member, symlink


def image(folder: Path, *members: tuple[tarfile.TarInfo, bytes], labels: dict[str, str] | None = None) -> Image:
    digest = layout(folder, [layer(member("etc/base", b"below")), layer(*members)], labels=labels or {})
    return Image(layout=folder, manifest=digest, names=("base", "extra"))


def changes(
    tmp_path: Path, old: list[tuple[tarfile.TarInfo, bytes]], new: list[tuple[tarfile.TarInfo, bytes]]
) -> tuple[LayerChange, ...]:
    found = layer_changes(image(tmp_path / "a", *old), image(tmp_path / "b", *new))
    # The configuration names the layers by their own digests and holds nothing else that differs.
    return tuple(each for each in found if each.layer != "configuration")


def said(found: tuple[LayerChange, ...]) -> dict[str, tuple[str, ...]]:
    assert [each.layer for each in found] == ["2 (extra)"]
    return {each.path: each.texts for each in found[0].members}


def dated(item: tuple[tarfile.TarInfo, bytes], seconds: int) -> tuple[tarfile.TarInfo, bytes]:
    item[0].mtime = seconds
    return item


def owned(item: tuple[tarfile.TarInfo, bytes], uid: int) -> tuple[tarfile.TarInfo, bytes]:
    item[0].uid = uid
    return item


def test_equal_images_differ_in_no_layer(tmp_path: Path) -> None:
    assert layer_changes(image(tmp_path / "a", member("x", b"1")), image(tmp_path / "b", member("x", b"1"))) == ()


def test_every_property_of_a_file_is_told(tmp_path: Path) -> None:
    found = said(
        changes(
            tmp_path,
            [
                member("a", b"1"),
                dated(member("b", b"1"), 5),
                owned(member("c", b"1"), 0),
                symlink("d", "x"),
                member("e", b"1"),
            ],
            [
                member("a", b"1", mode=0o600),
                dated(member("b", b"1"), 7),
                owned(member("c", b"1"), 9),
                symlink("d", "y"),
                member("f", b"1"),
            ],
        )
    )
    assert found["a"] == ("mode 0644 to 0600",)
    assert found["b"] == ("mtime 5 to 7",)
    assert found["c"] == ("owner 0:0 to 9:0",)
    assert found["d"] == ("target x to y",)
    assert found["e"] == ("only in the first image",)
    assert found["f"] == ("only in the second image",)


def test_content_is_told_by_line_for_text_and_by_offset_for_the_rest(tmp_path: Path) -> None:
    found = said(
        changes(
            tmp_path,
            [member("text", b"one\ntwo\nthree\n"), member("binary", b"\0\0\0\0")],
            [member("text", b"one\ntwo!\nthree\n"), member("binary", b"\0\0\1\0")],
        )
    )
    assert found["text"] == ("size 14 to 15", "content from line 2: 'two' to 'two!'")
    assert found["binary"] == ("content from byte 2 (0x2)",)


@pytest.mark.parametrize(
    ("one", "two", "told"),
    [
        (b"", b"x\n", "content from line 1: '' to 'x'"),
        (b"a\n", b"a\nb\n", "content from line 2: '' to 'b'"),
        (b"a" * 3_000_000, b"a" * 2_999_999 + b"b", "content from line 1"),
        (b"\0" * 3_000_000, b"\0" * 2_999_999 + b"b", "content from byte 2999999 (0x2dc6bf)"),
        (b"\xff", b"\xfe", "content from byte 0 (0x0)"),
    ],
)
def test_the_first_difference_is_found(tmp_path: Path, one: bytes, two: bytes, told: str) -> None:
    (tmp_path / "a").write_bytes(one)
    (tmp_path / "b").write_bytes(two)
    assert first_difference(tmp_path / "a", tmp_path / "b").startswith(told)


def test_another_order_and_another_packing_are_told(tmp_path: Path) -> None:
    (found,) = changes(tmp_path, [member("a", b"1"), member("b", b"1")], [member("b", b"1"), member("a", b"1")])
    assert (found.members, found.note) == ((), "the same files in another order")


def test_a_layer_more_is_told(tmp_path: Path) -> None:
    a = Image(layout=tmp_path / "a", manifest=layout(tmp_path / "a", [layer(member("x", b"1"))]))
    b = Image(
        layout=tmp_path / "b", manifest=layout(tmp_path / "b", [layer(member("x", b"1")), layer(member("y", b"1"))])
    )
    assert [(each.layer, each.note) for each in layer_changes(a, b) if each.layer != "configuration"] == [
        ("2", "only in the second image")
    ]


def test_a_label_is_told_with_the_configuration(tmp_path: Path) -> None:
    a, b = image(tmp_path / "a", labels={"version": "1"}), image(tmp_path / "b", labels={"version": "2"})
    (found,) = layer_changes(a, b)
    assert (found.layer, [each.texts for each in found.members]) == ("configuration", [("label version: 1 to 2",)])


def test_a_blob_that_is_not_what_its_digest_says_is_refused(tmp_path: Path) -> None:
    a, b = image(tmp_path / "a", member("x", b"1")), image(tmp_path / "b", member("x", b"2"))
    for blob in (tmp_path / "b/blobs/sha256").iterdir():
        if blob.read_bytes()[:1] != b"{":
            blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    with pytest.raises(ImageContentError):
        layer_changes(a, b)


def test_what_a_name_holds_is_no_markup_and_no_line_of_its_own(tmp_path: Path) -> None:
    found = changes(tmp_path, [], [member("<script>alert(1)</script>", b"1"), member("a\nlayer 1 differs", b"1")])
    nothing = Comparison(changes=(), files=())
    page = as_html(nothing, ("<a>", "b"), None, files=True, layers=found)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert not [
        line
        for line in as_text(nothing, ("a", "b"), None, files=True, layers=found).splitlines()
        if line.startswith("layer 1")
    ]
    assert page.startswith("<!doctype html>")
