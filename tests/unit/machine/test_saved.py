"""Saved states: whole or not at all, held to their record before use, evicted by age and size, never while in use."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from imagekit.base import process
from imagekit.base.errors import ImagekitError
from imagekit.machine.errors import HypervisorError
from imagekit.machine.identity import fresh_keys, keep_keys
from imagekit.machine.saved import KEYS, RECORD, STATE, Budget, SavedNodes, UnusableStateError
from tests.support.images import BOOT

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
MIB = 1 << 20


@pytest.fixture
def store(tmp_path: Path) -> SavedNodes:
    """Room for ten states of a mebibyte."""
    return SavedNodes(tmp_path / "forks", Budget(size=10 * MIB, age=WEEK), lambda: NOW)


def save(store: SavedNodes, name: str = "a", *, size: int = 4096) -> None:
    """A state of so many bytes."""
    with store.saving(name, {"digest": "sha256:1"}, BOOT) as folder:
        keep_keys(fresh_keys(), folder / KEYS)
        (folder / STATE).write_bytes(b"QEVM".ljust(size, b"\1"))
        (folder / "system.qcow2").write_bytes(b"QFI\xfb")


def reason(store: SavedNodes, name: str = "a") -> str:
    """Why a state cannot be used; it is used when it can."""
    with pytest.raises(UnusableStateError) as caught, store.held(name) as found:
        found.proven()
    return str(caught.value)


def test_what_was_saved_is_found_with_keys_disks_and_boot(store: SavedNodes) -> None:
    save(store)
    with store.held("a") as found:
        found.proven()
        assert found.boot == BOOT
        assert found.saved == NOW
        assert found.state.read_bytes().startswith(b"QEVM")
        assert found.disks == {"system": found.folder / "system.qcow2"}
        assert found.keys.client.private
    assert (found.folder.parent.stat().st_mode & 0o077) == 0  # it holds a node's memory and keys


def test_none_is_said_so(store: SavedNodes) -> None:
    assert reason(store) == "no state of such a node is saved yet"


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def shorter(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def gone(path: Path) -> None:
    path.unlink()


def beheaded(path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)


@pytest.mark.parametrize("file", [STATE, KEYS, "system.qcow2"])
@pytest.mark.parametrize("harm", [longer, shorter, flipped, gone, beheaded])
def test_a_damaged_state_is_not_used(
    store: SavedNodes, tmp_path: Path, file: str, harm: Callable[[Path], None]
) -> None:
    save(store)
    harm(tmp_path / "forks/a" / file)
    assert "saved state" in reason(store)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"format": 1}', '{"format": 2}', "\udcff", "{"])
def test_a_record_that_cannot_be_read_is_no_state_and_is_removed(store: SavedNodes, tmp_path: Path, text: str) -> None:
    save(store)
    (tmp_path / "forks/a" / RECORD).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert "saved state" in reason(store)
    assert not (tmp_path / "forks/a").exists()


@pytest.mark.parametrize("field", ["format", "saved", "files", "boot"])
@pytest.mark.parametrize("value", [None, 7, -1, "", "x", [], ["x"], {}, {"x": 1}, {"state": [1, "0"]}])
def test_any_field_of_any_kind_is_a_reason_and_no_crash(
    store: SavedNodes, tmp_path: Path, field: str, value: object
) -> None:
    save(store)
    record = tmp_path / "forks/a" / RECORD
    record.write_text(json.dumps(json.loads(record.read_text()) | {field: value}))
    assert "saved state" in reason(store)


def test_a_record_names_no_file_elsewhere(store: SavedNodes, tmp_path: Path) -> None:
    save(store)
    record = tmp_path / "forks/a" / RECORD
    data = json.loads(record.read_text())
    outside = tmp_path / "outside"
    outside.write_bytes(b"QEVM")
    data["files"]["../../outside"] = [4, sha256(b"QEVM").hexdigest()]
    record.write_text(json.dumps(data))
    assert "saved state" in reason(store)


@pytest.mark.parametrize(
    "error", [HypervisorError("No space left"), OSError(28, "No space left on device"), KeyboardInterrupt()]
)
def test_saving_that_fails_leaves_nothing(store: SavedNodes, tmp_path: Path, error: BaseException) -> None:
    def fail() -> None:
        with store.saving("a", {}, BOOT) as folder:
            (folder / STATE).write_bytes(b"QEVM")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert list((tmp_path / "forks").iterdir()) == []


def test_an_empty_state_is_none(store: SavedNodes) -> None:
    with pytest.raises(ImagekitError, match="left no state"), store.saving("a", {}, BOOT) as folder:
        (folder / STATE).touch()
    assert not store.has("a")


def test_what_a_killed_process_left_is_removed_and_of_a_living_one_not(store: SavedNodes, tmp_path: Path) -> None:
    dead = next(pid for pid in range(400_000, 500_000) if not process.alive(pid))
    (tmp_path / f"forks/.new-{dead}-x").mkdir(parents=True)
    (tmp_path / f"forks/.new-{os.getppid()}-x").mkdir()
    save(store)
    assert [path.name for path in sorted((tmp_path / "forks").iterdir())] == [f".new-{os.getppid()}-x", "a"]


def test_of_two_that_save_the_same_the_first_one_stays(store: SavedNodes) -> None:
    with store.saving("a", {}, BOOT) as slow:
        keep_keys(fresh_keys(), slow / KEYS)
        (slow / STATE).write_bytes(b"QEVM slow")
        save(store)
    with store.held("a") as found:
        assert found.state.stat().st_size == 4096


def test_an_old_state_is_not_used_and_one_of_the_future_neither(tmp_path: Path) -> None:
    for age, said in ((WEEK + timedelta(days=1), "8 days old, 7 are allowed"), (-timedelta(days=1), "of the future")):
        then = SavedNodes(tmp_path / "forks", Budget(size=MIB, age=WEEK), lambda age=age: NOW - age)  # type: ignore[misc]
        save(then)
        assert said in reason(SavedNodes(tmp_path / "forks", Budget(size=MIB, age=WEEK), lambda: NOW))
        assert not then.has("a")


def test_the_least_recently_used_go_first(store: SavedNodes, tmp_path: Path) -> None:
    for number, name in enumerate("abc"):
        save(store, name, size=4 * MIB)
        os.utime(tmp_path / "forks" / name / RECORD, (number, number)) if store.has(name) else None
    assert [store.has(name) for name in "abc"] == [False, True, True]
    with store.held("b"):
        pass  # now c is the one that nobody wanted for the longest time
    os.utime(tmp_path / "forks/c" / RECORD, (5, 5))
    save(store, "d", size=4 * MIB)
    assert [store.has(name) for name in "bcd"] == [True, False, True]


def test_what_was_just_saved_stays_though_it_is_too_large(store: SavedNodes) -> None:
    save(store, size=11 * MIB)
    assert store.has("a")


def test_a_state_in_use_is_not_evicted(store: SavedNodes) -> None:
    save(store, size=6 * MIB)
    with store.held("a") as found:
        save(store, "b", size=6 * MIB)
        assert store.has("a")
        found.proven()
    assert store.evict() != ()


def test_evicting_waits_for_nobody(store: SavedNodes, tmp_path: Path) -> None:
    save(store)
    with (tmp_path / "forks/a/lock").open("a") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert store.forget("a") is False
    assert store.forget("a") is True
    assert store.forget("a") is False
