"""One issue for each root cause: made once, brought up to date, closed by the night that is good again.

An issue is found by the marker at the end of its body and by its label, never by its title; what people write into
comments stays. https://docs.github.com/en/rest/issues/issues
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from imagekit.base.errors import ConfigError
from imagekit.base.strictjson import read_object

LABEL = "imagekit-drift"
_MARKER = re.compile(r"<!-- imagekit-drift: (?P<image>[a-z0-9-]+) (?P<key>[0-9a-f]{16}) -->\s*\Z")
_MOST = 8 << 20


@dataclass(frozen=True, slots=True)
class Issue:
    """An open issue of ours."""

    number: int
    title: str
    body: str

    @property
    def names(self) -> tuple[str, str] | None:
        """Image and key of its root cause; None for an issue without our marker at its end."""
        found = _MARKER.search(self.body)
        return (found["image"], found["key"]) if found else None


class Tracker(Protocol):
    """Where issues are kept; each method raises `ToolError`."""

    def opened(self) -> Sequence[Issue]:
        """Every open issue with our label, the oldest first."""

    def create(self, title: str, body: str) -> int:
        """Make an issue; its number."""

    def update(self, number: int, title: str, body: str) -> None:
        """Write an issue's title and body over."""

    def close(self, number: int, comment: str) -> None:
        """Say why, and close it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The issues that one night asks for."""

    image: str
    night: str
    good: bool
    verdict: str
    causes: tuple[Mapping[str, str], ...]
    update: Path | None = None  # text of the pull request, where a branch with a new lock is ready
    branch: str = ""


@dataclass(slots=True)
class Done:
    """What was done, in words."""

    lines: list[str] = field(default_factory=list)


def keep_issues(tracker: Tracker, asked: Iterable[Asked]) -> Done:
    """Bring the tracker up to what these nights found; of several nights of one image the last counts.

    A night that was not good closes nothing: what it did not find tonight it may only not have come to.
    """
    done, newest = Done(), {each.image: each for each in sorted(asked, key=lambda each: each.night)}
    there: dict[tuple[str, str], Issue] = {}
    for issue in tracker.opened():
        if issue.names is not None:
            there.setdefault(issue.names, issue)  # of two that say the same the older one lives on
    for each in newest.values():
        for cause in each.causes:
            _keep(tracker, there.get((each.image, cause["key"])), cause, done)
        if each.good:
            for (image, _), issue in there.items():
                if image == each.image:
                    tracker.close(issue.number, f"Night {each.night} is good: everything that is shipped holds.")
                    done.lines.append(f"closed #{issue.number} {issue.title}")
    return done


def _keep(tracker: Tracker, issue: Issue | None, cause: Mapping[str, str], done: Done) -> None:
    title, body = cause["title"], cause["body"]
    if issue is None:
        done.lines.append(f"made #{tracker.create(title, body)} {title}")
    elif (issue.title, issue.body.strip()) != (title, body.strip()):
        tracker.update(issue.number, title, body)
        done.lines.append(f"updated #{issue.number} {title}")


class Reviews(Protocol):
    """Where branches are offered for review."""

    def pull_request(self, branch: str, base: str, text: Path) -> int:
        """The open pull request of a branch, made or brought up to date; its number. Raises `ToolError`."""


def offer_updates(reviews: Reviews, asked: Iterable[Asked], base: str, done: Done) -> None:
    """One pull request for each image whose update is ready; the branch must have been pushed."""
    for each in asked:
        if each.branch and each.update is not None:
            number = reviews.pull_request(each.branch, base, each.update)
            done.lines.append(f"offered #{number} {each.branch}")


def read_asked(paths: Iterable[Path]) -> tuple[Asked, ...]:
    """Every ``issues.json`` in these folders; raises `ConfigError` for one that does not read, or without any."""
    found = [file for path in paths for file in (sorted(path.rglob("issues.json")) if path.is_dir() else [path])]
    if not found:
        raise ConfigError(
            "no night is there: no issues.json", hint="`imagekit drift` leaves one under .imagekit/nights."
        )
    return tuple(_asked(path) for path in found)


def _asked(path: Path) -> Asked:
    try:
        said: dict[str, Any] = read_object(path.read_bytes(), str(path), limit=_MOST)
        causes = tuple({key: str(each[key]) for key in ("key", "title", "body", "marker")} for each in said["causes"])
        for each in causes:
            if Issue(0, each["title"], each["body"]).names != (said["image"], each["key"]):
                raise ValueError(f"cause {each['key']} does not end with its marker")
        if said["good"] not in (True, False) or (said["good"] and causes):
            raise ValueError("good, with causes")
        branch, text = str(said.get("branch", "")), path.with_name("pull-request.md")
        if branch not in ("", f"imagekit/drift/{said['image']}"):
            raise ValueError(f"branch {branch!r}")
        return Asked(
            image=str(said["image"]),
            night=str(said["night"]),
            good=bool(said["good"]),
            verdict=str(said["verdict"]),
            causes=causes,
            update=text if branch and text.is_file() else None,
            branch=branch,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: not what a night leaves: {str(error)[:200]}", hint="Hold the night again."
        ) from None


def dump(data: Mapping[str, object]) -> bytes:
    """A request's body."""
    return json.dumps(data).encode()
