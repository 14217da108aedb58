"""No file of an image has a time of the day that it was built on."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.build.times import keep_times, known_layers, late_files
from imagekit.oci.reference import Digest
from tests.support.layout import layer, layout, member

EPOCH = 1735689600


def image(folder: Path, *times: int) -> Digest:
    """Layers of three files each, the second with one of these times; the lowest layer first."""
    packed = [
        layer(
            *(member(f"etc/{n}{name}", b"a", mtime=when) for name, when in (("a", "1"), ("b", str(time)), ("c", "2")))
        )
        for n, time in enumerate(times)
    ]
    return layout(folder / "oci", packed)


def late(folder: Path, digest: Digest, *, own: int = 2, known: frozenset[str] = frozenset()) -> tuple[str, ...]:
    return late_files(folder / "oci", digest, EPOCH, own=own, known=known)


@pytest.mark.parametrize(
    ("times", "found"),
    [
        ((0, EPOCH), ()),
        ((EPOCH + 1, 0), ("etc/0b",)),
        ((0, EPOCH + 1), ("etc/1b",)),
        ((EPOCH + 1, EPOCH + 1), ("etc/0b", "etc/1b")),
    ],
)
def test_a_file_of_each_layer_is_named(tmp_path: Path, times: tuple[int, ...], found: tuple[str, ...]) -> None:
    assert late(tmp_path, image(tmp_path, *times)) == found


def test_layers_of_a_base_image_are_as_they_are(tmp_path: Path) -> None:
    digest = image(tmp_path, EPOCH + 1, 0)
    assert late(tmp_path, digest, own=1) == ()
    assert late(tmp_path, digest, own=0) == ()


def test_more_layers_than_there_are_is_all_of_them(tmp_path: Path) -> None:
    assert late(tmp_path, image(tmp_path, EPOCH + 1, 0), own=7) == ("etc/0b",)


def test_what_was_read_for_another_build_is_not_read_again(tmp_path: Path) -> None:
    digest = image(tmp_path / "one", 5, 6)
    keep_times(tmp_path / "one", tmp_path / "one/oci", digest, EPOCH)
    known = known_layers(tmp_path, EPOCH)
    assert len(known) == 2
    for blob in known:
        (tmp_path / "one/oci/blobs/sha256" / Digest(blob).hex).unlink()
    assert late(tmp_path / "one", digest, known=known) == ()


def test_what_was_read_for_a_later_epoch_is_read_again(tmp_path: Path) -> None:
    digest = image(tmp_path / "one", 5, 6)
    keep_times(tmp_path / "one", tmp_path / "one/oci", digest, EPOCH + 1)
    assert known_layers(tmp_path, EPOCH) == frozenset()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"epoch": "x", "layers": []}', '{"epoch": 1}', '{"epoch": 1, "layers": 5}']
)
def test_notes_that_are_cut_count_for_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one/times.json").write_text(text)
    assert known_layers(tmp_path, EPOCH) == frozenset()
