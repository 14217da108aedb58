"""K2: what a layer takes from elsewhere comes from a mirror or a file of this machine, and is held to images.lock."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from imagekit.build.download import DownloadError, WrongFileError, downloads_folder, fetched, mirrored
from tests.support.answering import answering

ADDRESS = "https://github.com/k0sproject/k0s/releases/download/v1+k0s.0/k0s-v1+k0s.0-amd64"
DATA = b"#!/bin/sh\necho v1+k0s.0\n"
SUM = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder of this machine that has the file where the publisher has it."""
    file = tmp_path / "copy" / ADDRESS.removeprefix("https://github.com/")
    file.parent.mkdir(parents=True)
    file.write_bytes(DATA)
    return tmp_path / "copy"


@pytest.fixture
def mirror(copy: Path) -> Iterator[str]:
    """The same folder by HTTP."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(copy))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with answering(server):
        yield f"http://127.0.0.1:{server.server_address[1]}/"


def test_the_longest_beginning_is_replaced() -> None:
    mirrors = {"https://github.com/": "https://m.example/gh/", "https://github.com/k0sproject/": "file:///srv/k0s/"}
    assert mirrored(ADDRESS, mirrors) == "file:///srv/k0s/" + ADDRESS.removeprefix("https://github.com/k0sproject/")
    assert mirrored("https://github.com/x", mirrors) == "https://m.example/gh/x"
    assert mirrored("https://github.community/x", mirrors) == "https://github.community/x"


def test_a_mirror_is_asked_once_and_its_file_kept(tmp_path: Path, mirror: str) -> None:
    kept = fetched(ADDRESS, SUM, tmp_path / "kept", {"https://github.com/": mirror})
    assert kept.read_bytes() == DATA
    assert fetched(ADDRESS, SUM, tmp_path / "kept", {"https://github.com/": "http://127.0.0.1:1/"}) == kept


def test_a_file_of_this_machine_will_do(tmp_path: Path, copy: Path) -> None:
    folder = downloads_folder({ADDRESS: SUM}, tmp_path, {"https://github.com/": f"file://{copy}/"})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {SUM: DATA}


def test_a_layer_without_downloads_has_an_empty_folder(tmp_path: Path) -> None:
    assert list(downloads_folder({}, tmp_path, {}).iterdir()) == []


def test_a_mirror_with_another_file_is_refused(tmp_path: Path, copy: Path) -> None:
    (copy / ADDRESS.removeprefix("https://github.com/")).write_bytes(DATA + b"#")
    with pytest.raises(WrongFileError, match=r"images\.lock names") as caught:
        fetched(ADDRESS, SUM, tmp_path / "kept", {"https://github.com/": f"file://{copy}/"})
    assert ADDRESS in str(caught.value)
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_kept_file_that_was_damaged_is_fetched_again(tmp_path: Path, copy: Path) -> None:
    mirrors = {"https://github.com/": f"file://{copy}/"}
    fetched(ADDRESS, SUM, tmp_path / "kept", mirrors).write_bytes(b"other")
    assert fetched(ADDRESS, SUM, tmp_path / "kept", mirrors).read_bytes() == DATA


@pytest.mark.parametrize("place", ["file:///nowhere/", "http://127.0.0.1:1/"])
def test_what_cannot_be_reached_says_where_else_it_may_be(tmp_path: Path, place: str) -> None:
    with pytest.raises(DownloadError, match="could not be fetched") as caught:
        fetched(ADDRESS, SUM, tmp_path, {"https://github.com/": place})
    assert "mirrors" in caught.value.hint
