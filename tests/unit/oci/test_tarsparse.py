"""Sparse files of GNU's tar, as mkosi writes them: whole on every path, in the forms that Go and Python read alike."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from imagekit.base.process import run
from imagekit.oci import tarsparse
from imagekit.oci.errors import ImageContentError
from imagekit.oci.flatten import flatten
from imagekit.oci.tarstream import Source, entries
from tests.support.layout import layout
from tests.unit.oci.test_tarstream import END, block, pax, record

FORMS = {
    "1.0": ("--format=posix", "--sparse-version=1.0"),
    "0.1": ("--format=posix", "--sparse-version=0.1"),
}


def _file(path: Path, size: int, *pieces: tuple[int, bytes]) -> bytes:
    with path.open("wb") as stream:
        for offset, data in pieces:
            stream.seek(offset)
            stream.write(data)
        stream.truncate(size)
    return path.read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> tuple[Path, dict[str, bytes]]:
    """Files with holes at each place, of many pieces, with a long name, and plain ones between."""
    root = tmp_path / "root"
    root.mkdir()
    made = {
        "hole": _file(root / "hole", 300_000),
        "end": _file(root / "end", 1 << 20, (0, b"q" * 4097)),
        "middle": _file(root / "middle", 1 << 20, (0, b"a"), (1 << 19, b"b" * 5000), ((1 << 20) - 1, b"c")),
        "many": _file(root / "many", 40 * 131072 + 77, *((n * 131072, bytes((n + 1,)) * 4096) for n in range(40))),
        "plain": _file(root / "plain", 5, (0, b"hello")),
        "n" * 150: _file(root / ("n" * 150), 200_000, (65536, b"y" * 10)),
        "z": _file(root / "z", 3, (0, b"end")),
    }
    return root, made


def _packed(root: Path, form: str) -> bytes:
    return run(
        ["tar", "-S", *FORMS.get(form, (form,)), "-C", root, "-c", *sorted(each.name for each in root.iterdir())],
        timeout=60,
    ).raw


def _read(tar: bytes, piece: int = 1 << 20) -> dict[str, bytes]:
    source = Source(tar[at : at + piece] for at in range(0, len(tar), piece))
    return {entry.path: source.read(entry.padded)[: entry.size] for entry in entries(source)}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_the_whole_file(folder: tuple[Path, dict[str, bytes]], form: str) -> None:
    root, made = folder
    if form == "0.1":
        (root / ("n" * 150)).unlink()
        del made["n" * 150]
    tar = _packed(root, form)
    assert _read(tar) == _read(tar, 1000) == made
    assert len(tar) < sum(map(len, made.values())) // 4
    with tarfile.open(fileobj=io.BytesIO(tar)) as python:
        assert {each.name: python.extractfile(each).read() for each in python} == made  # type: ignore[union-attr]


@pytest.mark.parametrize("form", FORMS)
def test_a_root_file_system_has_it_whole(tmp_path: Path, folder: tuple[Path, dict[str, bytes]], form: str) -> None:
    root, made = folder
    (root / ("n" * 150)).rename(root / "short")
    made["short"] = made.pop("n" * 150)
    sink = io.BytesIO()
    flatten(tmp_path / "oci", layout(tmp_path / "oci", [_packed(root, form)]), sink)
    with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as flat:
        assert {each.name: flat.extractfile(each).read() for each in flat if each.isfile()} == made  # type: ignore[union-attr]


NAME, ONE = record("GNU.sparse.name", "x"), (record("GNU.sparse.major", "1"), record("GNU.sparse.minor", "0"))
MAP = b"1\n0\n3\n".ljust(512, b"\0")


def _one(real: str, data: bytes, *more: bytes) -> bytes:
    return pax(*ONE, NAME, record("GNU.sparse.realsize", real), *more) + block(b"GNUSparseFile.0/x", b"0", data)


def test_the_smallest() -> None:
    assert _read(_one("5", MAP + b"abc") + END) == {"x": b"abc\0\0"}


@pytest.mark.parametrize(
    "tar",
    [
        pytest.param(_one("2", MAP + b"abc"), id="beyond its end"),
        pytest.param(_one("5", MAP + b"abcd"), id="more data than its map"),
        pytest.param(_one("5", MAP + b"ab"), id="less data than its map"),
        pytest.param(_one("9", b"2\n3\n1\n2\n2\n".ljust(512, b"\0") + b"abc"), id="overlapping"),
        pytest.param(_one("5", b"1" * 512), id="a map without an end"),
        pytest.param(_one("5", b"x\n".ljust(512, b"\0")), id="a map of words"),
        pytest.param(_one(str(5 << 30), MAP + b"abc"), id="zeros without end"),
        pytest.param(pax(*ONE, record("GNU.sparse.realsize", "5")) + block(b"x", b"0", MAP + b"abc"), id="no name"),
        pytest.param(
            pax(record("GNU.sparse.major", "2"), record("GNU.sparse.minor", "0"), NAME) + block(b"x"), id="2.0"
        ),
        pytest.param(_one("5", MAP + b"abc").replace(b"GNUSparseFile.0/x", b"../../etc/passwd\0")[:512], id="cut"),
        pytest.param(
            pax(*ONE, record("GNU.sparse.name", "../x"), record("GNU.sparse.realsize", "5"))
            + block(b"x", b"0", MAP + b"abc"),
            id="leads out",
        ),
    ],
)
def test_what_is_damaged_or_without_end_is_refused(tar: bytes) -> None:
    with pytest.raises(ImageContentError):
        _read(tar + END)


def test_many_files_of_zeros_are_one_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarsparse, "_MOST", 4 << 20)
    with pytest.raises(ImageContentError, match="sparse files with 5242865 bytes of zeros"):
        _read(b"".join(_one(str(1 << 20), MAP + b"abc") for _ in range(6)) + END)


def test_a_long_name_of_0_1_is_refused(tmp_path: Path) -> None:
    """Python takes the name in the header, Go that of the record."""
    _file(tmp_path / ("n" * 150), 200_000, (65536, b"y"))
    with pytest.raises(ImageContentError, match="has a name unlike it"):
        _read(_packed(tmp_path, "0.1"))


def test_the_old_form_is_refused_as_by_containerd(tmp_path: Path) -> None:
    _file(tmp_path / "x", 200_000, (65536, b"y"))
    with pytest.raises(ImageContentError, match="GNU's old form") as caught:
        _read(_packed(tmp_path, "--format=gnu"))
    assert "--format=posix" in caught.value.hint
