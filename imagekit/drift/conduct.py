"""A night from its beginning to what it leaves: recorded when it begins and when it ends, however that is."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from imagekit.app.remember import remember_night
from imagekit.base.errors import ConfigError
from imagekit.base.files import write_whole
from imagekit.base.text import one_line
from imagekit.config.load import Project
from imagekit.drift.interface import World
from imagekit.drift.model import DriftVerdict, Part, Report
from imagekit.drift.night import Options, night
from imagekit.drift.text import as_data, as_text, cause_key, issue_body, issue_title, marker, pull_request
from imagekit.history.model import Night, NightOutcome
from imagekit.history.nightfile import FOLDER

REPORT, TEXT, ISSUES, PULL_REQUEST = "drift.json", "drift.txt", "issues.json", "pull-request.md"
_OUTCOMES = {
    DriftVerdict.HOLDS: NightOutcome.GREEN,
    DriftVerdict.DRIFT: NightOutcome.DRIFT,
    DriftVerdict.BROKEN: NightOutcome.BROKEN,
    DriftVerdict.UNKNOWN: NightOutcome.UNKNOWN,
}


def new_night(image: str) -> str:
    """An id that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{image}-{secrets.token_hex(2)}"


def conduct(project: Project, opened: AbstractContextManager[World], image: str, name: str, options: Options) -> Report:
    """Hold a night and write what it found; raises what opening the world raises, after it was recorded."""
    began = datetime.now(UTC)
    row = Night(night_id=name, image=image, started=began, ended=None, outcome=NightOutcome.RUNNING)
    remember_night(project, row)
    try:
        with opened as world:
            report = night(world, options, name)
    except BaseException as error:
        cancelled = not isinstance(error, Exception)
        outcome = NightOutcome.CANCELLED if cancelled else NightOutcome.UNKNOWN
        text = one_line(str(error) or type(error).__name__, 500)
        remember_night(project, replace(row, ended=datetime.now(UTC), outcome=outcome, text=text))
        raise
    write_report(project.work / FOLDER / name, report)
    # What upstream has was looked at only when it could be: no number stands for nothing moved.
    looked = any("inputs looked up anew" in each for each in report.evidence)
    outcome = _OUTCOMES[report.verdict]
    if outcome is NightOutcome.GREEN and Part.PINNED not in report.parts:
        outcome = NightOutcome.UNKNOWN  # whether what is shipped holds was not asked
    done = replace(row, ended=datetime.now(UTC), outcome=outcome, text=as_text(report).splitlines()[0])
    remember_night(project, replace(done, behind=len(report.changes) if looked else None))
    return report


def write_report(folder: Path, report: Report) -> None:
    """The report as JSON and text, the issues that it asks for, and the text of the pull request."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / REPORT, json.dumps(as_data(report), indent=1, default=str) + "\n")
    write_whole(folder / TEXT, as_text(report) + "\n")
    write_whole(folder / ISSUES, json.dumps(issues_of(report), indent=1) + "\n")
    if report.branch:
        write_whole(folder / PULL_REQUEST, _proposed(report))


def _proposed(report: Report) -> str:
    return pull_request(report.image, report.night, report.changes, report.fresh, report.shared, report.differs)


def issues_of(report: Report) -> Mapping[str, object]:
    """What `imagekit issues` needs: of which image, whether all is good, and one entry a root cause."""
    causes = [
        {
            "key": cause_key(report.image, each),
            "title": issue_title(report.image, each),
            "body": issue_body(report, each),
            "marker": marker(report.image, each),
        }
        for each in report.causes
    ]
    return {
        "image": report.image,
        "night": report.night,
        "verdict": report.verdict.value,
        "good": report.all_good,
        "causes": causes,
        "branch": report.branch,
    }


def last_report(work: Path, image: str, file: str = TEXT) -> str:
    """What the last night of an image left in a file; raises `ConfigError` without one."""
    # Its name in full: that of another image may end in it.
    night = re.compile(rf"[0-9]{{8}}-[0-9]{{6}}-{re.escape(image)}-[0-9a-f]{{4}}")
    for folder in sorted((work / FOLDER).glob(f"*-{image}-*"), reverse=True):
        if night.fullmatch(folder.name) and (folder / file).is_file():
            return (folder / file).read_text()
    raise ConfigError(f"no night of {image} is kept here", hint=f"`imagekit drift {image}` holds one.")
