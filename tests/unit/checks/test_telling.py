"""What did not pass is told while the checks run, not after (operator.md, "Other")."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from imagekit.checks.session import Event, append
from imagekit.checks.telling import Teller

ONE = "base/test_x.py::test_one"


def collected(path: Path, name: str, **more: Any) -> None:
    fields: dict[str, Any] = {"layer": "base", "title": f"{name} holds", "required": True, "expires": "", "ticket": ""}
    append(path, Event.COLLECTED, id=f"base/test_x.py::{name}", **{**fields, **more})


def ended(path: Path, name: str, outcome: str, message: str) -> None:
    append(path, Event.ENDED, id=f"base/test_x.py::{name}", outcome=outcome, message=message, seconds=0.1, details="")


def reported(caplog: pytest.LogCaptureFixture, kind: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if getattr(record, "step", "") == kind]


def test_each_is_told_once_with_its_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "imagekit")
    events, teller = tmp_path / "events.jsonl", Teller(tmp_path / "events.jsonl")
    collected(events, "test_one")
    collected(events, "test_two", required=False, expires="2027-01-01", ticket="IK-7")
    collected(events, "test_three")
    ended(events, "test_one", "failed", "expected nothing, found: tree")
    teller(f"{ONE} FAILED   [ 33%]")
    assert reported(caplog, "trouble") == ["base failed: test_one holds: expected nothing, found: tree"]
    ended(events, "test_two", "errored", "")
    teller("base/test_x.py::test_two ERROR   [ 66%]")
    ended(events, "test_three", "passed", "")
    teller("base/test_x.py::test_three PASSED   [100%]")
    assert len(reported(caplog, "trouble")) == 1
    assert reported(caplog, "caution") == ["base errored: test_two holds (warns only until 2027-01-01, IK-7)"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"ticket": "said by the cloud-config", "muted_by": ""}, " (warns only until 2027-01-01)"),
        ({"ticket": "OPS-42", "muted_by": "Ann"}, " (muted by Ann until 2027-01-01, OPS-42): the banner is empty"),
    ],
)
def test_a_waived_control_is_one_line_and_a_mute_is_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, more: dict[str, str], said: str
) -> None:
    caplog.set_level(logging.INFO, "imagekit")
    events = tmp_path / "events.jsonl"
    collected(events, "test_one", required=False, expires="2027-01-01", **more)
    ended(events, "test_one", "failed", "the banner is empty")
    Teller(events)(f"{ONE} FAILED   [ 33%]")
    assert reported(caplog, "caution") == [f"base failed: test_one holds{said}"]


@pytest.mark.parametrize("line", ["", "FAILED", "E   assert 1 == 2", "collected 3 items"])
def test_other_lines_say_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture, line: str) -> None:
    caplog.set_level(logging.INFO, "imagekit")
    Teller(tmp_path / "none.jsonl")(line)
    assert caplog.records == []
