"""One finding type: its name is made of what decides, and is read by people alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

import imagekit
from imagekit.trust.finding import Finding, Requirement, Status, finding

ROOT = Path(imagekit.__file__).parent


@pytest.mark.parametrize(
    ("about", "image", "name"),
    [
        ("", "", "check"),
        ("base::ssh", "", "check/base::ssh"),
        ("base::ssh", "0123456789ab", "0123456789ab/check/base::ssh"),
        ("", "0123456789ab", "0123456789ab/check"),
    ],
)
def test_the_name_says_what_it_is_about(about: str, image: str, name: str) -> None:
    assert replace(finding(Requirement.CHECK, True, "passed", about=about), image=image).name == name


def test_what_did_not_hold_was_taken_from_nothing() -> None:
    assert finding(Requirement.TESTS, True, "x", ("a",)) == Finding(
        requirement=Requirement.TESTS, status=Status.SATISFIED, reason="x", sources=("a",)
    )
    refused = finding(Requirement.TESTS, False, "x", ("a",))
    assert (refused.status, refused.satisfied, refused.sources) == (Status.UNSATISFIED, False, ())


def test_a_waived_one_does_not_hold_by_itself() -> None:
    assert not replace(finding(Requirement.TESTS, False, "x"), status=Status.WAIVED).satisfied


def test_no_decision_goes_by_a_name() -> None:
    """A check may be called ``signature``; names of findings are compared nowhere."""
    packages = ("trust", "release", "app", "cli")
    texts = {path: path.read_text() for package in packages for path in (ROOT / package).rglob("*.py")}
    users = {path: text for path, text in texts.items() if ".findings" in text}
    assert len(users) > 8
    steering = re.compile(r"\.name (==|in|!=) |\.name\.startswith|Finding\(\s*name=")
    found = {path.name: match[0] for path, text in users.items() if (match := steering.search(text))}
    assert found == {}
