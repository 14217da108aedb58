"""Whatever archive imagekit takes, Go's archive/tar and Python's tarfile take with the same result (D21, D22)."""

from __future__ import annotations

import base64
import json
import random
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from imagekit.base.process import run
from tests.support.tarcases import Reading, archive, normal, ours, pythons

ROOT = Path(__file__).parents[3]
_BATCH = 1000


@pytest.fixture
def witness() -> Path:
    """The program that reads as Go does."""
    program = ROOT / ".imagekit/tools/bin/tarwitness"
    if not program.exists():
        pytest.skip("no tarwitness: bin/setup dev builds it where Go is")
    return program


def goes(program: Path, archives: Iterable[bytes]) -> list[Reading]:
    """As Go's archive/tar reads each."""
    stdin = b"".join(len(data).to_bytes(8, "big") + data for data in archives)
    reported = [json.loads(line) for line in run([program, "list"], timeout=300, stdin=stdin).stdout.splitlines()]
    return [None if each["error"] else [_decoded(member) for member in each["members"]] for each in reported]


def _decoded(member: dict[str, object]) -> dict[str, object]:
    def text(value: object) -> bytes:
        return base64.b64decode(str(value))

    xattrs = member["xattrs"]
    assert isinstance(xattrs, dict)
    names = {key: text(member[key]).decode("utf-8", "surrogateescape") for key in ("name", "link")}
    kept = {text(key).decode("utf-8", "surrogateescape"): text(value) for key, value in xattrs.items()}
    return normal({**member, **names, "xattrs": kept})


def compare(program: Path, archives: list[bytes]) -> Counter[str]:
    """Count how the three read; raises at the first archive that is taken here and differs elsewhere."""
    counts: Counter[str] = Counter()
    for data, go in zip(archives, goes(program, archives), strict=True):
        mine, python = ours(data), pythons(data)
        if mine is not None:
            assert mine == go, f"Go reads it otherwise: {data.hex()}"
            assert mine == python, f"Python reads it otherwise: {data.hex()}"
            counts["taken by all, with one result"] += 1
        elif go is None and python is None:
            counts["refused by all"] += 1
        elif go == python:
            counts["refused here, though the others agree"] += 1
        else:
            counts["refused here, and the others differ"] += 1
    return counts


@pytest.mark.attack
def test_all_readers_agree_or_we_refuse(witness: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dice = random.Random(20261128)
    counts = compare(witness, [archive(dice) for _ in range(20 * _BATCH)])
    with capsys.disabled():
        print(f"\n{dict(counts)}")  # noqa: T201 - the counts are the result
    assert counts["taken by all, with one result"] > 2 * _BATCH
    assert counts["refused here, and the others differ"] > _BATCH


@pytest.mark.nightly(minutes=61)
@pytest.mark.timeout(4000)
def test_all_readers_agree_for_an_hour(witness: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed, end = time.time_ns(), time.monotonic() + 3600
    dice, counts = random.Random(seed), Counter[str]()
    while time.monotonic() < end:
        counts += compare(witness, [archive(dice) for _ in range(_BATCH)])
    with capsys.disabled():
        print(f"\nseed {seed}: {dict(counts)}")  # noqa: T201 - the counts are the result
    assert counts["taken by all, with one result"] > _BATCH
