"""What an audit knows and answers, as frozen data. Times are seconds since 1970 in UTC, intervals are [from, to)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

FOREVER = 1 << 62  # later than any time that is asked for


class AuditVerdict(StrEnum):
    """How far an answer is borne out."""

    PROVEN = "proven"
    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    UNKNOWN = "unknown"


class Kind(StrEnum):
    """What Git says of a node."""

    RUNS = "runs"
    ABSENT = "absent"
    NOTHING = "nothing"
    UNREADABLE = "unreadable"
    BEFORE = "before the history"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What the fleet files say of a node: the image it runs, and the channel it follows or the digest it is pinned to.

    `retiring` is the digest of an earlier instance that runs beside until a roll has drained it.
    `problem` is why the files could not be read; everything else is empty then.
    """

    image: str = ""
    channel: str = ""
    digest: str = ""
    cluster: str = ""
    address: str = ""
    retiring: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointed:
    """What a channel file says of an image; `problem` is why the file could not be read."""

    digest: str = ""
    version: str = ""
    reference: str = ""
    record: int = 0
    record_hash: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a node was to run, by fleet file and channel file together."""

    kind: Kind
    image: str = ""
    channel: str = ""
    cluster: str = ""
    address: str = ""
    retiring: str = ""
    digest: str = ""
    version: str = ""
    reference: str = ""
    record: int = 0
    record_hash: str = ""
    problem: str = ""


ABSENT = State(kind=Kind.ABSENT)
BEFORE = State(kind=Kind.BEFORE)


@dataclass(frozen=True, slots=True)
class Point:
    """A commit that changed the state of a node.

    It was made no earlier than `low` and no later than `high`; the two differ where clocks contradict one another.
    """

    seq: int
    low: int
    high: int
    state: State


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of time with every state that Git allows in it, one where it is sure; `seq` is the last sure commit."""

    begin: int
    end: int
    states: tuple[State, ...]
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A node was seen from `begin` to `end` in one boot, saying this of itself."""

    node: str
    begin: int
    end: int
    digest: str = ""
    version: str = ""
    source: str = ""
    count: int = 1
    first: int = 0
    last: int = 0


class Evidence(StrEnum):
    """How what is signed about a digest stands today."""

    GOOD = "verifies"
    BAD = "does not verify"
    UNASKED = "not asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the registry's evidence of one digest is worth today.

    `yanked` says who withdrew it; `notes` are for people, `sources` the bundles that were taken, and
    `reference` is where it was looked for.
    """

    evidence: Evidence
    reason: str = ""
    yanked: str = ""
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why the signed records do not bear out what a file of Git says, and the verdict that follows."""

    verdict: AuditVerdict
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One interval of one node, with the verdict and why.

    `digest` is what Git says; `candidates` all digests that it may have been where clocks contradict one another, and
    `seen` what the node said. `commit` is the commit that began it (empty before the history), `end` None for "still".
    """

    node: str
    begin: int
    end: int | None
    verdict: AuditVerdict
    reasons: tuple[str, ...]
    kind: Kind = Kind.UNREADABLE
    digest: str = ""
    version: str = ""
    image: str = ""
    channel: str = ""
    cluster: str = ""
    retiring: str = ""
    record: int = 0
    commit: str = ""
    candidates: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A commit of the first-parent history as a person reads it; `merged` are those that came in with a merge.

    `committed` is the time of the merge (or commit) in the branch, `authored` when its author wrote it.
    """

    commit: str
    committed: int
    authored: int
    author: str
    subject: str
    merged: tuple[Change, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was asked, with the interval that the words were taken for."""

    text: str
    begin: int
    end: int
    node: str = ""
    digest: str = ""
    zone: str = "UTC"
    read_as: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The answer to a question: intervals, the commits and records they rest on, and what is wrong with the sources."""

    question: Question
    asked_at: int
    branch: str
    head: str
    answers: tuple[Answer, ...]
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    commits: tuple[Change, ...] = ()
    standings: dict[str, Standing] = field(default_factory=dict)
    records: dict[int, str] = field(default_factory=dict)
    observations: int = 0
    observed_head: str = ""

    @property
    def borne_out(self) -> bool:
        """Whether there is an answer and all of it is proven or confirmed."""
        good = (AuditVerdict.PROVEN, AuditVerdict.CONFIRMED)
        return bool(self.answers) and all(each.verdict in good for each in self.answers)
