"""Issues: one a root cause, updated and not repeated, closed when green."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.drift.conduct import issues_of
from imagekit.drift.issues import Asked, Issue, keep_issues, read_asked
from imagekit.drift.model import Part
from imagekit.drift.night import Options, night
from tests.support.simdrift import Fault, SimWorld, bad_together, lock_of


@dataclass
class SimTracker:
    """A tracker in memory."""

    issues: dict[int, Issue] = field(default_factory=dict)
    closed: dict[int, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def opened(self) -> Sequence[Issue]:
        return [issue for number, issue in self.issues.items() if number not in self.closed]

    def create(self, title: str, body: str) -> int:
        number = len(self.issues) + 1
        self.issues[number] = Issue(number, title, body)
        self.calls.append(f"create {number}")
        return number

    def update(self, number: int, title: str, body: str) -> None:
        self.issues[number] = Issue(number, title, body)
        self.calls.append(f"update {number}")

    def close(self, number: int, comment: str) -> None:
        self.closed[number] = comment
        self.calls.append(f"close {number}")


def asked(
    tmp_path: Path, name: str, *faults: Fault, version: str = "2", options: Options | None = None, **world: object
) -> Asked:
    world.setdefault("upstream", lock_of(16, version))
    sim = SimWorld(lock_of(16), faults=list(faults), **world)  # type: ignore[arg-type]
    path = tmp_path / f"{name}/issues.json"
    path.parent.mkdir()
    path.write_text(json.dumps(issues_of(night(sim, options or Options(), name))))
    return read_asked([path.parent])[0]


def test_a_cause_has_one_issue_over_many_nights_and_none_when_it_is_gone(tmp_path: Path) -> None:
    tracker = SimTracker()
    keep_issues(tracker, [asked(tmp_path, "n1", bad_together("p10"))])
    keep_issues(tracker, [asked(tmp_path, "n2", bad_together("p10", version="3"), version="3")])
    assert tracker.calls == ["create 1", "update 1"]
    assert "p10 1 to 3" in tracker.issues[1].body
    keep_issues(tracker, [asked(tmp_path, "n3", bad_together("p11"))])
    assert tracker.calls[2:] == ["create 2"], "another cause is another issue; the first may be there still"
    done = keep_issues(tracker, [asked(tmp_path, "n4")])
    assert sorted(tracker.closed) == [1, 2]
    assert "Night n4" in tracker.closed[1]
    assert done.lines[0].startswith("closed #1 node: p10")
    keep_issues(tracker, [asked(tmp_path, "n5", bad_together("p10"))])
    assert tracker.calls[-1] == "create 3", "it came back"


def test_the_same_night_twice_changes_nothing(tmp_path: Path) -> None:
    tracker, one = SimTracker(), asked(tmp_path, "n1", bad_together("p10"))
    keep_issues(tracker, [one])
    assert keep_issues(tracker, [one]).lines == []
    assert tracker.calls == ["create 1"]


def test_a_night_that_could_not_tell_closes_nothing(tmp_path: Path) -> None:
    tracker = SimTracker()
    keep_issues(tracker, [asked(tmp_path, "n1", bad_together("p10"))])
    keep_issues(tracker, [asked(tmp_path, "n2", down={"fresh": "the mirror is down"})])
    assert tracker.closed == {}


@pytest.mark.parametrize("part", list(Part))
def test_a_night_that_asked_only_a_part_closes_nothing(tmp_path: Path, part: Part) -> None:
    tracker = SimTracker()
    keep_issues(tracker, [asked(tmp_path, "n1", bad_together("p10"))])
    partly = asked(tmp_path, "n2", options=Options(parts=frozenset({part})), upstream=lock_of(16))
    assert partly.verdict == "holds"
    keep_issues(tracker, [partly])
    assert tracker.closed == {}


def test_issues_of_others_are_let_be(tmp_path: Path) -> None:
    one = asked(tmp_path, "n1", bad_together("p10"))
    body = one.causes[0]["body"]
    strangers = {
        1: Issue(1, "quoted", f"{body}\nAnd more by hand."),  # no marker at the end
        2: Issue(2, "other image", body.replace("imagekit-drift: node", "imagekit-drift: other")),
        3: Issue(3, "no marker", "text"),
    }
    tracker = SimTracker(dict(strangers))
    keep_issues(tracker, [one])
    keep_issues(tracker, [asked(tmp_path, "n2")])
    assert {number: tracker.issues[number] for number in strangers} == strangers
    assert sorted(tracker.closed) == [4]


def test_of_two_nights_of_one_image_the_last_counts(tmp_path: Path) -> None:
    tracker = SimTracker()
    keep_issues(tracker, [asked(tmp_path, "n2"), asked(tmp_path, "n1", bad_together("p10"))])
    assert tracker.calls == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda said: said.pop("image"),
        lambda said: said.update(good="yes"),
        lambda said: said.update(good=True),
        lambda said: said["causes"][0].update(body="without a marker"),
        lambda said: said["causes"][0].pop("title"),
        lambda said: said.update(causes=[3]),
    ],
)
def test_a_file_that_is_not_what_a_night_leaves_is_refused(tmp_path: Path, spoil: object) -> None:
    asked(tmp_path, "n1", bad_together("p10"))
    path = tmp_path / "n1/issues.json"
    said = json.loads(path.read_text())
    spoil(said)  # type: ignore[operator]
    path.write_text(json.dumps(said))
    with pytest.raises(ConfigError, match=r"issues\.json"):
        read_asked([tmp_path])


def test_no_night_at_all_is_an_error_and_not_green(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no night"):
        read_asked([tmp_path])
