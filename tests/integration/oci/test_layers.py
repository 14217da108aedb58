"""Whatever stack of layers imagekit takes ends as containerd leaves it, with overlayfs and in one folder (W20)."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.oci.test_tar_readers import witness
from tests.support.layercases import naive, ours, overlaid, stack

__all__ = ["witness"]
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="containerd sets owners: only root can")


def compare(program: Path, dice: random.Random, folder: Path) -> str:
    """Make one stack and say how it was taken; raises when it is taken here and differs there."""
    layers = stack(dice)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        place = Path(name)
        mine, _ = ours(layers, place / "ours")
        one, said = naive(program, layers, place / "naive")
        over, why = overlaid(program, layers, place / "overlay")
    if mine is None:
        return "refused by all" if one is None and over is None else "refused here"
    reported = [layer.hex() for layer in layers]
    assert mine == one, f"unpacked into one folder it differs: {said} {reported}"
    if over is None and "not a directory" in why:
        # It looks below for the mode of a folder that no layer has an entry for, and meets an older whiteout there.
        return "taken, though overlayfs stumbles over a removal of an older layer"
    assert mine == over, f"with overlayfs it differs: {why} {reported}"
    return "taken by all, with one result"


@pytest.mark.attack
def test_layers_end_as_containerd_leaves_them(
    witness: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(20261128)
    counts = Counter(compare(witness, dice, tmp_path) for _ in range(300))
    with capsys.disabled():
        print(f"\n{dict(counts)}")  # noqa: T201 - the counts are the result
    assert counts["taken by all, with one result"] > 50


@pytest.mark.nightly(minutes=11)
@pytest.mark.timeout(1000)
def test_layers_for_ten_minutes(witness: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed, end = time.time_ns(), time.monotonic() + 600
    dice, counts = random.Random(seed), Counter[str]()
    while time.monotonic() < end:
        counts[compare(witness, dice, tmp_path)] += 1
    with capsys.disabled():
        print(f"\nseed {seed}: {dict(counts)}")  # noqa: T201 - the counts are the result
    assert counts["taken by all, with one result"] > 100
