"""What a number stands beside: the fastest program there is, and the round in which nothing else disturbed."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.base.process import ProgramMissingError
from imagekit.bench import clients, hashing
from imagekit.bench.model import Met, median_pair


def test_the_pair_whose_ratio_is_the_middle_one_counts() -> None:
    assert median_pair([(1.0, 1.0), (9.0, 3.0), (4.0, 2.0)]) == (4.0, 2.0)
    assert median_pair([(4.0, 1.0), (2.0, 1.0)]) == (2.0, 1.0)


def program(folder: Path, name: str, seconds: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{seconds}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(("openssl", "coreutils"), [("exec /bin/sleep 0.3", ":"), (":", "exec /bin/sleep 0.3")])
def test_the_faster_of_the_hashers_is_the_peer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, openssl: str, coreutils: str
) -> None:
    program(tmp_path / "bin", "openssl", openssl)
    program(tmp_path / "bin", "sha256sum", coreutils)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found = hashing.fastest_hasher(tmp_path)
    assert found.name == ("openssl" if openssl == ":" else "sha256sum")
    assert [each.name for each in tmp_path.iterdir()] == ["bin"]


def test_the_only_hasher_is_taken_and_none_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "sha256sum", ":")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert hashing.fastest_hasher(tmp_path).name == "sha256sum"
    (tmp_path / "bin/sha256sum").unlink()
    with pytest.raises(ProgramMissingError, match="none of openssl, sha256sum"):
        hashing.fastest_hasher(tmp_path)


def test_a_client_stands_beside_the_fastest_of_the_others_in_the_middle_turn() -> None:
    turns = [
        {clients.OURS: {"pull": ours}, "oras": {"pull": oras}, "crane": {"pull": 9.0}}
        for ours, oras in ((2.0, 2.0), (3.0, 2.0), (2.4, 2.0))
    ]
    row = clients.row_of("pull", turns)
    assert (row.measured, row.against, row.reference, row.met) == (2.4, "oras", 2.0, Met.YES)
    assert row.note == "crane 9.00 s, oras 2.00 s"
