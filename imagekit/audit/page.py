"""A report as one self-contained page: a lane of time for each node, then every interval with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

from imagekit.audit.asked import stamp
from imagekit.audit.model import Answer, AuditVerdict, Kind, Report
from imagekit.audit.show import span_of, unsaid_of, what_of
from imagekit.base.files import write_whole
from imagekit.report.cleaned import cleaned

_TEMPLATE = "timeline.html.j2"
_LOOK = (AuditVerdict.CONTRADICTED, AuditVerdict.UNKNOWN, AuditVerdict.CONFIRMED, AuditVerdict.PROVEN)
_LEAST = 0.001  # percent: an observation lasts a second, and has to be seen on a lane of years
_HUES = 6  # shades that tell one digest from the next
_TICKS = 8
_LAST_TICK = 94.0  # percent; a later date would be cut off at the edge
_LEAD = 6  # of what is shown after it, this part before the first node ran
_LABEL = 9.0  # percent of a lane that a version's name needs
_STEPS = (1, 5, 15, 30, 60, 180, 360, 720, 1440, 2880, 7 * 1440, 14 * 1440, 30 * 1440, 91 * 1440, 365 * 1440)  # minutes


@dataclass(frozen=True, slots=True)
class Bar:
    """One interval on a lane; `left` and `width` in percent of what is shown."""

    left: float
    width: float
    answer: Answer
    hue: int
    label: str
    title: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One node."""

    node: str
    bars: tuple[Bar, ...]
    answers: tuple[Answer, ...]

    @property
    def counts(self) -> list[tuple[AuditVerdict, int]]:
        """How many intervals have each verdict, those that need a look first."""
        found = ((each, sum(answer.verdict is each for answer in self.answers)) for each in _LOOK)
        return [(verdict, count) for verdict, count in found if count]


@dataclass(frozen=True, slots=True)
class Tick:
    """A date on the axis."""

    left: float
    label: str


def render_page(report: Report) -> str:
    """The page as text; whatever fleet files, records and nodes said is data in it, never markup."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    here = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader([here, here.parent / "report"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(stamp=stamp, span=span_of, what=what_of, unsaid=unsaid_of)
    report = cleaned(report)
    begin, end = shown(report)
    counts = [(each, sum(answer.verdict is each for answer in report.answers)) for each in AuditVerdict]
    return environment.get_template(_TEMPLATE).render(
        r=report, lanes=lanes(report.answers, begin, end), ticks=ticks(begin, end), counts=counts, begin=begin, end=end
    )


def write_page(report: Report, path: Path) -> Path:
    """Write the page to a file, whole or not at all."""
    return write_whole(path, render_page(report))


def shown(report: Report) -> tuple[int, int]:
    """What the lanes show: the question's time, or where that is the whole history or a moment, the intervals' own.

    Of a whole history they begin a little before the first node ran: years without it would make its life a hairline.
    """
    question = report.question
    if question.begin and question.end - question.begin > 1:
        return question.begin, question.end
    edges = [edge for each in report.answers for edge in (each.begin, each.end) if edge]
    begin = min(edges, default=question.begin)
    end = max([*edges, *([report.asked_at] if any(each.end is None for each in report.answers) else [])], default=0)
    ran = min((each.begin for each in report.answers if each.kind is Kind.RUNS), default=begin)
    begin = max(begin, ran - (end - ran) // _LEAD)
    return (begin, end) if end > begin else (question.begin, question.end)


def lanes(answers: Sequence[Answer], begin: int, end: int) -> list[Lane]:
    """Each node with its bars; one digest has one shade on all lanes."""
    digests = list(dict.fromkeys(each.digest for each in answers if each.digest))
    hues = {digest: number % _HUES for number, digest in enumerate(digests)}
    return [
        Lane(node, tuple(_bar(each, begin, end, hues) for each in own), tuple(own))
        for node, group in groupby(answers, key=lambda each: each.node)
        for own in [list(group)]
    ]


def _bar(each: Answer, begin: int, end: int, hues: dict[str, int]) -> Bar:
    whole = max(end - begin, 1)
    left = max(each.begin, begin)
    right = min(end if each.end is None else each.end, end)
    width = max(round(100 * (right - left) / whole, 3), _LEAST) if right > left else 0.0
    label = (each.version or each.digest[7:19]) if each.kind is Kind.RUNS else what_of(each)
    return Bar(
        left=round(100 * (left - begin) / whole, 3),
        width=width,
        answer=each,
        hue=hues.get(each.digest, 0),
        label=label if width >= _LABEL else "",
        title=f"{span_of(each)} {each.verdict}: {what_of(each)}",
    )


def ticks(begin: int, end: int) -> list[Tick]:
    """Dates at whole steps, at most about `_TICKS` of them."""
    minutes = max(end - begin, 60) / 60
    step = next((each for each in _STEPS if minutes / each <= _TICKS), _STEPS[-1])
    seconds = step * 60
    form = "%Y-%m-%d" if step >= 1440 else "%m-%d %H:%M" if minutes > 1440 else "%H:%M"
    first = -(-begin // seconds) * seconds
    whole = max(end - begin, 1)
    return [
        Tick(round(100 * (at - begin) / whole, 3), f"{datetime.fromtimestamp(0, UTC) + timedelta(seconds=at):{form}}")
        for at in range(first, end, seconds)
        if 100 * (at - begin) / whole <= _LAST_TICK
    ]
