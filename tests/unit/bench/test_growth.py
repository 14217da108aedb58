"""A made ledger is one that the real reader takes, the first time and by what it remembers."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.bench.growth import ledger_rows
from imagekit.release.ledger import witness


def test_a_made_ledger_is_read_first_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMAGEKIT_KEY_PASSWORD", raising=False)
    first, again = ledger_rows(tmp_path, 12)
    assert [row.name for row in (first, again)] == [
        "ledger of 12 records, first read in a clone",
        "ledger of 12 records, read again",
    ]
    assert first.ratio is not None
    assert again.ratio is not None
    kept = witness.recall(tmp_path / ".git", "refs/heads/main", "")
    assert kept is None, "without a fingerprint nothing is known"
    assert b'"records":12' in (tmp_path / ".git/imagekit-ledger-head.json").read_bytes()
