"""What the signed records bear out of what the files of Git say, and what of Git's history they do not find."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from imagekit.audit.model import AuditVerdict, Doubt, State
from imagekit.base.git import Git
from imagekit.release.ledger.chain import Chain, ChainEntry, Standing
from imagekit.release.ledger.record import Action, Record

_COMMIT = "git commit"  # how a record's basis calls the commit that it was decided on
_POINTS = (Action.PROMOTE, Action.ROLLBACK)


@dataclass(frozen=True)
class Ledger:
    """The ledger as far as it can be read; `problem` is why it does not verify, empty when it does."""

    chain: Chain
    problem: str = ""

    def doubt(self, state: State) -> Doubt | None:
        """Why the records do not bear out what a channel file says; a pinned digest has no record."""
        if not state.record:
            return None
        if self.problem:
            return Doubt(AuditVerdict.UNKNOWN, f"the ledger does not verify: {self.problem}"[:300])
        entry = self._entry(state.record)
        if entry is None:
            return Doubt(AuditVerdict.UNKNOWN, f"the channel file names record {state.record}, and the ledger has none")
        if entry.hash != state.record_hash:
            return Doubt(
                AuditVerdict.CONTRADICTED, f"the channel file names another record {state.record} than there is"
            )
        record = entry.record
        if (str(record.digest), record.channel, record.image) != (state.digest, state.channel, state.image):
            said = f"{str(record.digest)[:19]} in {record.channel or 'no channel'}"
            return Doubt(
                AuditVerdict.CONTRADICTED, f"the channel file says {state.digest[:19]}, record {state.record} {said}"
            )
        if record.action not in _POINTS:
            return Doubt(
                AuditVerdict.CONTRADICTED, f"record {state.record} is a {record.action}, which points at nothing"
            )
        if entry.standing is Standing.CLAIMED:
            return Doubt(AuditVerdict.UNKNOWN, f"nothing vouches for record {state.record}")
        return None

    def _entry(self, number: int) -> ChainEntry | None:
        found = [each for each in self.chain.entries[number - 1 : number] if each.record.sequence == number]
        return found[0] if found else None

    @cached_property
    def _about(self) -> Mapping[str, Sequence[Record]]:
        """What is vouched for, by the digest that it is about."""
        found: dict[str, list[Record]] = {}
        for each in self.chain.vouched:
            found.setdefault(str(each.digest), []).append(each)
        return found

    def version_of(self, state: State) -> str:
        """The version of what a node runs, for a pinned digest by the records that speak of it."""
        if state.version:
            return state.version
        return next((each.version for each in self._about.get(state.digest, ())), "")

    def reference_of(self, state: State) -> str:
        """Where the digest is, by the channel file or by the last record about it; empty where nothing says so."""
        if state.reference:
            return state.reference
        about = self._about.get(state.digest)
        return about[-1].reference if about else ""

    def withdrawn(self, digest: str) -> str:
        """Who withdrew a digest; empty when nobody did."""
        record = next((each for each in self._about.get(digest, ()) if each.action is Action.YANK), None)
        return f"record {record.sequence} by {record.actor}: {record.reason}" if record is not None else ""

    def words(self, number: int) -> str:
        """A record in one line, with what it says of a change record."""
        entry = self._entry(number)
        if entry is None:
            return ""
        record = entry.record
        change = next((outcome for name, outcome in record.decision if name == "change"), "")
        by = f"{record.action} {record.image} {record.version} in {record.channel} by {record.actor}"
        return f"{by}: {record.reason or '(no reason given)'}" + (f"; change {change}" if change else "")


@dataclass(frozen=True, slots=True)
class Rewritten:
    """Numbers of commits whose history is in doubt, (more than, at most, why) each."""

    ranges: tuple[tuple[int, int, str], ...] = ()

    def why(self, seq: int) -> str:
        """Why what Git says of a commit is in doubt; empty when it is not."""
        return next((why for after, upto, why in self.ranges if after < seq <= upto), "")


def missing_anchors(git: Git, records: Sequence[Record], number_of: Callable[[str], int]) -> Rewritten:
    """Records that were decided on a commit which the history of HEAD has not: what is before them was rewritten.

    A branch whose decision was squashed by the Git host looks the same; nobody can tell the two apart afterwards.
    """
    anchors = {each.sequence: _anchor(each) for each in records}
    if not any(anchors.values()):
        return Rewritten()
    there = set(git.text("rev-list", "HEAD").split())
    lost = [number for number, commit in anchors.items() if commit and commit not in there]
    if not lost:
        return Rewritten()
    last = max(lost)
    record = next(each for each in records if each.sequence == last)
    why = (
        f"record {last} was decided on commit {anchors[last][:12]}, which this history has not: "
        "it was rewritten (or the decision's branch was squashed)"
    )
    return Rewritten(((0, number_of(_added(git, f"ledger/{record.file_name}")), why),))


def _anchor(record: Record) -> str:
    basis: Mapping[str, str] = dict(record.basis)
    return basis.get(_COMMIT, "")


def _added(git: Git, path: str) -> str:
    """The first-parent commit that a file came with; HEAD where none is found."""
    found = git.text("log", "--first-parent", "-m", "--diff-filter=A", "--format=%H", "HEAD", "--", path).split()
    return found[0] if found else git.text("rev-parse", "HEAD")
