"""Who was seen with which version, out of what was observed."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from imagekit.app.seen import seen_on
from imagekit.observe.model import Observation, ObservationError, Source
from imagekit.observe.store import Observations
from imagekit.oci.reference import Digest
from imagekit.release.channel.table import Row

ONE, TWO = (Digest(f"sha256:{letter * 64}") for letter in "ab")


def row(digest: Digest, version: str) -> Row:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    return Row(
        version=version, digest=digest, created=at, places=(), channels=("prod",), evidence="accepted", run_by=("w1",)
    )


def said(node: str, at: int, *, digest: str = "", version: str = "") -> Observation:
    return Observation(node=node, at=at, source=Source.SSH, where="x", observer="t", digest=digest, version=version)


@pytest.fixture
def store(tmp_path: Path) -> Observations:
    return Observations(tmp_path / "observations.sqlite")


def test_the_last_word_of_each_node_counts(store: Observations) -> None:
    store.add([said("w1", 100, digest=str(ONE)), said("w2", 100, digest=str(ONE)), said("w3", 100, version="v2")])
    store.add([said("w1", 200, digest=str(TWO))])
    found = seen_on(store, [row(ONE, "v1"), row(TWO, "v2")])
    assert found.by_digest == {str(ONE): {"w2": 100}, str(TWO): {"w1": 200, "w3": 100}}
    assert found.elsewhere == {}


def test_what_no_row_is_about_and_who_says_nothing(store: Observations) -> None:
    store.add([said("w1", 100, digest=str(TWO), version="v9"), said("w2", 100)])
    found = seen_on(store, [row(ONE, "v1")])
    assert found.by_digest == {}
    assert found.elsewhere == {"w1": f"v9 {TWO}"}


def test_without_observations_nobody_was_seen(store: Observations) -> None:
    assert not seen_on(store, [row(ONE, "v1")]).by_digest
    assert not store.path.exists(), "reading makes no file"


@pytest.mark.attack
def test_of_an_altered_file_nothing_counts(store: Observations) -> None:
    store.add([said("w1", 100, digest=str(ONE)), said("w2", 100, digest=str(ONE))])
    with sqlite3.connect(store.path) as base:
        names = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        [table] = [name for name in names if "obs" in name]
        columns = [each[1] for each in base.execute(f"PRAGMA table_info({table})")]
        base.execute(f"DELETE FROM {table} WHERE {columns[0]} = (SELECT min({columns[0]}) FROM {table})")
    with pytest.raises(ObservationError):
        seen_on(store, [row(ONE, "v1")])
