"""Observations in their chain: what was edited, removed, cut off or written anew is named; writers do not meet."""

from __future__ import annotations

import signal
import sqlite3
import sys
import threading
from pathlib import Path

import pytest

from imagekit.base.errors import ToolError
from imagekit.base.process import ProcessError, run
from imagekit.observe.model import Observation, ObservationError, Source, digest_in, read_body
from imagekit.observe.store import Head, Observations


def saw(number: int, node: str = "w1") -> Observation:
    """A made-up observation."""
    return Observation(
        node=node, at=1000 + number, source=Source.SSH, where="10.0.0.1:22", observer="me@here", version=f"v{number}"
    )


@pytest.fixture
def store(tmp_path: Path) -> Observations:
    made = Observations(tmp_path / "seen.sqlite")
    made.add([saw(1), saw(2)])
    made.add([saw(3, "w2")])
    return made


def change(store: Observations, line: str, *values: object) -> None:
    """What somebody does to the file beside imagekit."""
    with sqlite3.connect(store.path) as base:
        base.execute(line, values)
    base.close()


def test_what_was_added_is_read_back(store: Observations) -> None:
    head = store.verify()
    assert head.number == 3
    assert store.of("w1") == [saw(1), saw(2)]
    assert list(store.every()) == [saw(1), saw(2), saw(3, "w2")]
    assert [hash_ for hash_, _ in store.links()][-1] == head.hash


@pytest.mark.attack
@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("UPDATE observations SET body = replace(body, 'v2', 'v9') WHERE number = 2", "observation 2 was changed"),
        ("UPDATE observations SET hash = 'ab' WHERE number = 1", "observation 1 was changed"),
        ("UPDATE observations SET node = 'w9' WHERE number = 3", "observation 3 was changed"),
        ("UPDATE observations SET at = 5 WHERE number = 3", "observation 3 was changed"),
        ("UPDATE observations SET body = 'x' WHERE number = 2", "observation 2 was changed"),
        ("DELETE FROM observations WHERE number = 2", "observation 2 is missing"),
        ("DELETE FROM observations WHERE number = 1", "observation 1 is missing"),
        ("DELETE FROM observations WHERE number = 3", "the end was cut off"),
        ("DELETE FROM observations", "the end was cut off"),
        ("UPDATE head SET number = 2", "rows were put in"),
        ("UPDATE head SET hash = 'ab'", "names 3 observations"),
    ],
)
def test_altered(store: Observations, line: str, says: str) -> None:
    change(store, line)
    with pytest.raises(ObservationError, match=says):
        store.verify()


@pytest.mark.attack
def test_a_row_put_in_by_hand_is_named_and_nothing_is_added_after_it(store: Observations) -> None:
    change(store, "INSERT INTO observations VALUES (4, 'w1', 5, ?, 'ab')", saw(5).body())
    with pytest.raises(ObservationError, match="observation 4 was changed"):
        store.verify()
    with pytest.raises(ObservationError, match="rows were put in"):
        store.add([saw(6)])


@pytest.mark.attack
def test_an_end_that_was_cut_off_with_its_head_shows_by_a_signed_head(store: Observations) -> None:
    signed = store.verify()
    kept = [hash_ for hash_, _ in store.links()][1]
    change(store, "DELETE FROM observations WHERE number = 3")
    change(store, "UPDATE head SET number = 2, hash = ?", kept)
    assert store.verify() == Head(2, kept)  # by itself it agrees
    with pytest.raises(ObservationError, match="observation 3 is not the one"):
        store.verify(signed)


@pytest.mark.attack
def test_a_file_written_anew_shows_by_a_signed_head(store: Observations, tmp_path: Path) -> None:
    signed = store.verify()
    other = Observations(tmp_path / "other.sqlite")
    other.add([saw(1), saw(7), saw(3, "w2"), saw(4)])
    with pytest.raises(ObservationError, match="was signed"):
        other.verify(signed)


def test_a_head_of_before_is_on_the_way(store: Observations) -> None:
    signed = store.verify()
    store.add([saw(4)])
    assert store.verify(signed).number == 4


@pytest.mark.parametrize("data", [b"garbage", b"SQLite format 3\x00" + b"x" * 4096])
def test_a_file_that_is_none(tmp_path: Path, data: bytes) -> None:
    store = Observations(tmp_path / "seen.sqlite")
    store.path.write_bytes(data)
    with pytest.raises(ObservationError, match="cannot be read"):
        store.verify()


def test_an_empty_file_has_no_tables(tmp_path: Path) -> None:
    store = Observations(tmp_path / "seen.sqlite")
    store.path.touch()
    with pytest.raises(ToolError):
        store.verify()


def test_two_observers_at_once_lose_nothing(store: Observations) -> None:
    def work(name: str) -> None:
        for number in range(10):
            store.add([saw(number, name)])

    threads = [threading.Thread(target=work, args=(f"n{each}",)) for each in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert store.verify().number == 43
    assert all(len(store.of(f"n{each}")) == 10 for each in range(4))


def test_a_killed_writer_leaves_all_or_nothing(store: Observations) -> None:
    code = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from imagekit.observe.store import Observations\nfrom tests.unit.observe.test_store import saw\n"
        "def found():\n    yield saw(8)\n    yield saw(9)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "Observations(Path(sys.argv[1])).add(found())\n"
    )
    with pytest.raises(ProcessError) as caught:
        run([sys.executable, "-c", code, store.path], timeout=60, cwd=Path(__file__).parents[3])
    assert caught.value.returncode == -signal.SIGKILL
    assert store.verify().number == 3
    assert store.add([saw(4)]).number == 4


def test_a_source_that_fails_half_way_leaves_nothing(store: Observations) -> None:
    def found() -> object:
        yield saw(8)
        raise ToolError("the API server went away")

    with pytest.raises(ToolError, match="went away"):
        store.add(found())  # type: ignore[arg-type]  # a generator of them
    assert store.verify().number == 3


def test_a_full_disk_is_told_and_nothing_is_added(store: Observations, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sqlite3.connect

    def small(*arguments: object, **options: object) -> sqlite3.Connection:
        base = real(*arguments, **options)  # type: ignore[call-overload]
        base.execute("PRAGMA max_page_count = 1")  # SQLite raises it to what there is: no page can be added
        assert isinstance(base, sqlite3.Connection)
        return base

    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(ToolError, match="the disk is full; nothing was added"):
        store.add(saw(number) for number in range(4, 500))
    monkeypatch.undo()
    assert store.verify().number == 3


def test_a_body_is_read_back_and_another_is_not() -> None:
    assert read_body(saw(1).body()) == saw(1)
    for text in ("", "[]", "{}", '{"node":"w1"}', saw(1).body().replace('"ssh"', '"guess"')):
        with pytest.raises(ObservationError):
            read_body(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"host/x@sha256:{'a' * 64}", True),
        (f"sha256:{'a' * 64} sha256:{'a' * 64}", True),
        (f"sha256:{'a' * 64} sha256:{'b' * 64}", False),
        (f"sha256:{'a' * 63}", False),
        ("latest", False),
        (f"SHA256:{'A' * 64}", False),
    ],
)
def test_the_digest_in_a_stamp(text: str, found: bool) -> None:
    assert bool(digest_in(text)) is found
