"""The rules of versions against the programs that made them: dpkg, and rpm where it is installed."""

from __future__ import annotations

import random
import shutil
from itertools import pairwise

import pytest

from imagekit.base.process import run
from imagekit.cve.versions import compare

# As they come in Debian: epochs, rebuilds, backports, security updates, pre-releases, snapshots.
REAL = [
    "1:9.2p1-2+deb12u3",
    "1:9.2p1-2+deb12u10",
    "2.41-12",
    "2.41-12+b1",
    "2.41-12~bpo12+1",
    "6.12.57+deb13-1",
    "6.12.57-1",
    "14.2.0-19",
    "0~20240101.git1a2b3c4-1",
    "1.0~rc1-1",
    "1.0-1",
    "1.0-1.1",
    "1.0+dfsg-1",
    "1.0+dfsg1-1",
    "3.0.17-1~deb12u2",
    "3.0.17-1",
    "0.0.0-0",
    "2023.10.05",
    "1:1.0",
    "10:0.1",
]


def generated(count: int, seed: int) -> list[str]:
    """Valid versions with everything that the rules treat specially, near one another."""
    dice = random.Random(seed)
    found = []
    for _ in range(count):
        upstream = dice.choice("0123") + "".join(dice.choices("00199ab.+~", k=dice.randint(0, 6)))
        revision = "".join(dice.choices("0019a~+.", k=dice.randint(1, 4)))
        epoch = dice.choice(["", "", "0:", "1:"])
        found.append(f"{epoch}{upstream}{dice.choice(['', f'-{revision}'])}")
    return found


def by_dpkg(a: str, b: str) -> int:
    """Sign of dpkg's own answer."""
    for sign, word in ((-1, "lt"), (0, "eq")):
        if run(["dpkg", "--compare-versions", a, word, b], timeout=10, ok=(0, 1)).returncode == 0:
            return sign
    return 1


@pytest.mark.parametrize("seed", range(4))
def test_dpkg_agrees_about_generated_versions(seed: int) -> None:
    for a, b in pairwise(generated(120, seed)):
        assert compare("deb", a, b) == by_dpkg(a, b), (a, b)


def test_dpkg_agrees_about_every_pair_of_real_ones() -> None:
    for number, a in enumerate(REAL):
        for b in REAL[number:]:
            assert compare("deb", a, b) == by_dpkg(a, b), (a, b)


def test_comparing_as_text_would_be_seen() -> None:
    """The test above finds the mistake that it is for."""
    wrong = [(a, b) for a in REAL for b in REAL if (a > b) - (a < b) != compare("deb", a, b)]
    assert len(wrong) > 20


@pytest.mark.skipif(shutil.which("rpm") is None, reason="no rpm here; its own table is in tests/unit/cve")
def test_rpm_agrees_about_generated_versions() -> None:
    pairs = list(
        pairwise(text.replace("a~", "a^") for text in generated(400, 9) if ":" not in text and "-" not in text)
    )
    questions = ",".join(f'rpm.vercmp("{a}","{b}")' for a, b in pairs)
    answer = run(["rpm", "--eval", f"%{{lua:print(table.concat({{{questions}}}, ' '))}}"], timeout=30).stdout
    assert [compare("rpm", a, b) for a, b in pairs] == [int(each) for each in answer.split()]
