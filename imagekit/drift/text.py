"""What a night found, for people: terminal, pull request, issues (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from imagekit.base.text import one_line
from imagekit.drift.model import Cause, Change, Report, Trial
from imagekit.report.markdown import code, escaped

_MOST = 60
_MOST_LINES = 120


def as_text(report: Report) -> str:
    """One screen."""
    return "\n".join(_lines(report))


def as_data(report: Report) -> dict[str, Any]:
    """Everything, for JSON."""
    causes = [
        {**asdict(each), "key": cause_key(report.image, each), "culprits": [one.text for one in each.culprits]}
        for each in report.causes
    ]
    return {
        **asdict(report),
        "started": report.started.isoformat(),
        "causes": causes,
        "changes": [
            {"layer": each.key.layer, "name": each.key.name, "arch": each.key.arch, "text": each.text}
            for each in report.changes
        ],
    }


def cause_key(image: str, cause: Cause) -> str:
    """Names a root cause over many nights: a version that moves on meanwhile makes no new one."""
    what = sorted(cause.names) or [cause.layer, cause.about or cause.title]
    text = "\n".join((image, cause.part.value, cause.attribution.value, *what))
    return sha256(text.encode()).hexdigest()[:16]


def issue_title(image: str, cause: Cause) -> str:
    """In one line."""
    return one_line(f"{image}: {cause.title}", 200)


def issue_body(report: Report, cause: Cause) -> str:
    """What is known of a root cause tonight; the marker at the end finds the issue again."""
    lines = [
        f"**{cause.attribution.value}**, layer {code(cause.layer or 'unknown')}, found by the {cause.part.value} part "
        f"of night {report.night} ({report.verdict.value}).",
        "",
        *(f"- {escaped(each.text, 500)}" for each in cause.culprits[:_MOST]),
        *([""] if cause.culprits else []),
        *(f"- {escaped(each, 500)}" for each in cause.evidence),
    ]
    trial = report.fresh if cause.part.value == "fresh" else report.pinned
    if trial is not None and trial.failed:
        said = ["", f"It says: {escaped(trial.reason, 500)}"] if trial.reason else []
        lines += ["", "Did not pass:", "", *(f"- {code(each, 200)}" for each in trial.failed[:20]), *said]
    if trial is not None and trial.run_id:
        lines += ["", f"Shown by run `{trial.run_id}`: `imagekit explain {trial.run_id}`."]
    lines += ["", "Kept up to date every night, closed by the night that is good again.", marker(report.image, cause)]
    return "\n".join(lines) + "\n"


def marker(image: str, cause: Cause) -> str:
    """The line by which an issue is found again."""
    return f"<!-- imagekit-drift: {image} {cause_key(image, cause)} -->"


def pull_request(
    image: str,
    night: str,
    changes: Sequence[Change],
    trial: Trial | None,
    shared: Sequence[str] = (),
    differs: str = "",
) -> str:
    """Title, an empty line, and the text of the pull request that takes an update in.

    `differs` is what differs between the images, as `imagekit diff` tells it in Markdown.
    """
    shown = [f"- {escaped(each.text, 500)}" for each in changes[:_MOST]]
    more = [f"- and {len(changes) - _MOST} more"] if len(changes) > _MOST else []
    proof = f"Built and tested as {trial.digest} in run {trial.run_id}." if trial is not None else ""
    warned = [f"**{escaped(each, 500)}.**" for each in shared]
    what = f"{len(changes)} input{'' if len(changes) == 1 else 's'}"
    images = _few_lines(differs)
    return "\n".join(
        [
            *(f"{image}: take in {what} that moved upstream", "", proof, f"Night {night}.", *warned, ""),
            *(*shown, *more, "", *images),
        ]
    )


def _few_lines(text: str) -> list[str]:
    """A pull request's text has an end."""
    lines = text.splitlines()
    more = [f"- and {len(lines) - _MOST_LINES} more: `imagekit diff` tells all"] if len(lines) > _MOST_LINES else []
    return [*lines[:_MOST_LINES], *more, *([""] if lines else [])]


def _told(report: Report, line: str) -> bool:
    """Whether the line of its part says it already."""
    trials = [report.pinned, report.fresh, *(each.trial for each in report.fleet)]
    return any(each is not None and each.reason and line.endswith(f": {each.reason}") for each in trials)


def _lines(report: Report) -> Iterator[str]:
    builds = f"{report.builds} build{'' if report.builds == 1 else 's'}"
    yield f"{report.verdict.value.upper()}  {report.image}, night {report.night}, {builds}"
    for name, trial in (("pinned", report.pinned), ("fresh", report.fresh)):
        if trial is not None:
            why = trial.reason or ", ".join(trial.failed[:3])
            where = f" {trial.digest[:19]}" if trial.digest else ""
            yield f"{name:<8}{trial.result.value}{where}{f': {why}' if why else ''}"
    for each in report.fleet:
        reason = f": {each.trial.reason}" if each.trial.reason else ""
        named = ", ".join(each.released.named_by)
        yield f"{'fleet':<8}{each.trial.result.value} {each.released.digest[:19]} ({named}){reason}"
    for change in report.changes[:_MOST]:
        yield f"{'moved':<8}{change.text}"
    for cause in report.causes:
        yield f"{'cause':<8}{cause.attribution.value}, layer {cause.layer or 'unknown'}: {cause.title}"
        yield from (f"{'':<8}{line}" for line in cause.evidence)
    yield from (f"{'rests on':<9}{line}" for line in report.evidence)
    yield from (f"{'unknown':<8}{line}" for line in report.unknown if not _told(report, line))
    yield from (f"{'shared':<8}{line}" for line in report.shared)
    if report.branch:
        yield f"{'ready':<8}branch {report.branch} takes in what moved"
