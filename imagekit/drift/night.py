"""The night of one image: pinned, fresh, fleet, and the verdict that follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from imagekit.base.log import Step, step
from imagekit.drift.attribute import Counted, blame_changes, blame_pinned, of_scenarios
from imagekit.drift.interface import InfrastructureError, UpstreamError, World
from imagekit.drift.model import (
    Attribution,
    Cause,
    Change,
    DriftVerdict,
    Lock,
    Part,
    Rehearsal,
    Released,
    Report,
    Result,
    Trial,
    changes_between,
)
from imagekit.drift.text import pull_request

FULL_EVERY = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Which parts to do. Without `full` nothing is built when nothing moved since a full good night of at most a week.

    `lifecycle`: the scenarios, too.
    """

    parts: frozenset[Part] = frozenset(Part)
    full: bool = False
    lifecycle: bool = True
    full_every: timedelta = FULL_EVERY


def night(world: World, options: Options, night_id: str) -> Report:
    """Ask the world everything that is asked for; whatever stands in the way is in the report, and decides nothing."""
    return _Night(world, options, night_id, world.now()).run()


@dataclass(slots=True)
class _Night:
    world: World
    options: Options
    night_id: str
    started: datetime
    counted: Counted = field(init=False)
    lock: Lock | None = None
    pinned: Trial | None = None
    fresh: Trial | None = None
    fleet: list[Rehearsal] = field(default_factory=list)
    changes: tuple[Change, ...] = ()
    causes: list[Cause] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    branch: str = ""
    shared: tuple[str, ...] = ()
    differs: str = ""
    quiet: bool = False

    def __post_init__(self) -> None:
        self.counted = Counted(self.world)

    def run(self) -> Report:
        fresh = self._look_upstream() if Part.FRESH in self.options.parts else None
        if fresh is not None and self.lock is not None:
            self.changes = changes_between(self.lock, fresh, self.world.layers)
            moved = "nothing moved" if not self.changes else f"{len(self.changes)} moved"
            self.evidence.append(f"{len(fresh)} inputs looked up anew, {moved}")
        if Part.PINNED in self.options.parts and self._read_lock():
            self._pinned(nothing_moved=fresh is not None and not self.changes)
        if fresh is not None and self.changes:
            self._fresh(fresh)
        if Part.FLEET in self.options.parts:
            self._fleet()
        return self._report()

    def _read_lock(self) -> bool:
        try:
            self.lock = self.lock if self.lock is not None else self.world.pinned()
        except InfrastructureError as error:
            self.unknown.append(f"the lock cannot be read: {error}")
        return self.lock is not None

    def _look_upstream(self) -> Lock | None:
        if not self._read_lock():
            return None
        with step("What upstream has now") as reported:
            try:
                return self.world.fresh()
            except UpstreamError as error:
                reported.failed = True
                self.fresh = Trial(result=Result.BAD, reason=str(error))
                self.causes.append(
                    Cause(
                        part=Part.FRESH,
                        attribution=Attribution.UPSTREAM,
                        layer="",
                        title="what upstream has now cannot be installed together",
                        evidence=(str(error),),
                    )
                )
            except InfrastructureError as error:
                reported.failed = True
                self.unknown.append(f"upstream could not be looked at: {error}")
        return None

    def _pinned(self, *, nothing_moved: bool) -> None:
        assert self.lock is not None
        last = self.world.last_good(lifecycle=self.options.lifecycle) if not self.options.full else None
        if nothing_moved and last is not None and self._still_counts(*last):
            self.pinned, self.quiet = last[0], True
            return
        with step("Pinned: does what we ship still hold?") as reported:
            self.pinned = _shown(reported, self.counted.trial(self.lock, lifecycle=self.options.lifecycle))
        self.pinned = self._twice(self.pinned, Part.PINNED)
        if self.pinned.result is Result.BAD:
            self.causes.append(blame_pinned(self.counted, self.lock, self.pinned))

    def _still_counts(self, trial: Trial, at: datetime, same_sources: bool) -> bool:
        """Whether a full night of before answers for this one: same lock, same sources, young, and nothing expired."""
        age, expired = self.started - at, self.world.expired()
        if why := list(self._against(at, same_sources, expired)):
            self.evidence.append(f"nothing moved, and all was done all the same: {'; '.join(why)}")
            return False
        self.evidence += [
            f"pinned: {trial.digest[:19]} passed everything in run {trial.run_id} of {at:%Y-%m-%d %H:%M}, "
            f"{age.total_seconds() / 3600:.0f} hours ago; lock and sources are the same since",
            "certificates: nothing has expired since",
        ]
        return True

    def _against(self, at: datetime, same_sources: bool, expired: Sequence[str]) -> Iterator[str]:
        """Why the last good night answers no more; who waits for quiet nights wants to know."""
        if not self._young(at):
            yield f"the last good night was on {at:%Y-%m-%d}"
        if not same_sources:
            yield "images, checks or imagekit changed since the last good night"
        yield from expired[:3]

    def _young(self, at: datetime) -> bool:
        """What is dated later than now answers for nothing: one of the two clocks is wrong."""
        return timedelta(0) <= self.started - at <= self.options.full_every

    def _fresh(self, fresh: Lock) -> None:
        assert self.lock is not None
        with step(f"Fresh: {len(self.changes)} inputs moved") as reported:
            self.fresh = _shown(reported, self.counted.trial(fresh, lifecycle=self.options.lifecycle))
        self.fresh = self._twice(self.fresh, Part.FRESH)
        if self.fresh.result is Result.GOOD:
            self._keep_update(fresh)
        elif self.fresh.result is Result.BAD:
            self._blame_fresh()

    def _blame_fresh(self) -> None:
        """Only against a pinned lock that is good now: with a bad one, what moved need not be to blame."""
        assert self.lock is not None
        assert self.fresh is not None
        if self.pinned is None:
            where = f"on the {self.fresh.boot_path} boot path" if self.fresh.boot_path else "whole"
            how = "built, and not booted" if self.fresh.build_failed else f"tested {where}"
            with step("Pinned: does it show the same?") as reported:
                found = self.counted.trial(self.lock, lifecycle=of_scenarios(self.fresh), like=self.fresh)
                self.pinned = _shown(reported, found)
            self.evidence.append(f"pinned was not asked for; it was {how}, to compare")
        if self.pinned.result is Result.GOOD:
            self.causes.append(blame_changes(self.counted, self.lock, self.changes, self.fresh))
        elif self.pinned.result is Result.BAD:
            self.evidence.append(
                f"what upstream has now is bad, as what is pinned is: {_beside(self.pinned, self.fresh)}"
            )
        else:
            self.unknown.append("what upstream has now is bad; without an answer about what is pinned nobody is blamed")

    def _twice(self, trial: Trial, part: Part) -> Trial:
        """What did not pass is tested again on the same digest: a flake is told as such, and blames nobody."""
        if trial.result is Result.UNKNOWN:
            self.unknown.append(f"{part}: {trial.reason}")
        if trial.result is not Result.BAD or trial.build_failed:
            return trial
        try:
            second = self.world.again(trial)
        except InfrastructureError as error:
            self.unknown.append(f"{part}: {error}")
            return trial
        if second.result is Result.GOOD:
            flaky = f"{part}: {', '.join(trial.failed[:3])} failed and passed on one digest: flaky"
            self.unknown.append(flaky)
            return Trial(result=Result.UNKNOWN, digest=trial.digest, run_id=trial.run_id, reason=flaky)
        return trial

    def _keep_update(self, fresh: Lock) -> None:
        try:
            self.shared = self.world.shared(self.changes)
            if self.pinned is not None and self.fresh is not None and self.pinned.digest:
                self.differs = self.world.differences(self.pinned, self.fresh)
            text = pull_request(self.world.image, self.night_id, self.changes, self.fresh, self.shared, self.differs)
            self.branch = self.world.keep_update(fresh, self.changes, text)
        except InfrastructureError as error:
            self.unknown.append(f"the branch with the new lock could not be made: {error}")

    def _fleet(self) -> None:
        try:
            released = list(self.world.released())
        except InfrastructureError as error:
            self.unknown.append(f"fleet: {error}")
            return
        if not released:
            self.evidence.append("fleet: no channel and no fleet file names a digest of this image")
        for each in released:
            with step(f"Rehearsal of {each.digest[:19]}") as reported:
                trial = _shown(reported, self._rehearsed(each, released[0] if each is not released[0] else None))
            self.fleet.append(Rehearsal(released=each, trial=trial))
            if trial.result is Result.UNKNOWN:
                self.unknown.append(f"fleet: {each.digest[:19]}: {trial.reason}")
            elif trial.result is Result.BAD:
                self.causes.append(_fleet_cause(each.digest, each.named_by, trial))

    def _rehearsed(self, each: Released, newest: Released | None) -> Trial:
        """In a quiet night a good rehearsal of at most a week answers, as for the pinned image."""
        last = self.world.last_rehearsal(each) if self.quiet else None
        if last is not None and self._young(last[1]):
            self.evidence.append(f"fleet: {each.digest[:19]} was rehearsed on {last[1]:%Y-%m-%d %H:%M}")
            return last[0]
        try:
            return self.world.rehearse(each, newest)
        except InfrastructureError as error:
            return Trial(result=Result.UNKNOWN, reason=str(error))

    def _verdict(self) -> DriftVerdict:
        if any(cause.part in (Part.PINNED, Part.FLEET) for cause in self.causes):
            return DriftVerdict.BROKEN
        if any(cause.part is Part.FRESH for cause in self.causes):
            return DriftVerdict.DRIFT
        asked = {Part.PINNED: self.pinned, Part.FRESH: self.fresh if self.changes else None}
        reported = all(trial is None or trial.result is Result.GOOD for trial in asked.values())
        return DriftVerdict.HOLDS if reported and not self.unknown else DriftVerdict.UNKNOWN

    def _report(self) -> Report:
        return Report(
            night=self.night_id,
            image=self.world.image,
            started=self.started,
            seconds=(self.world.now() - self.started).total_seconds(),
            verdict=self._verdict(),
            pinned=self.pinned,
            fresh=self.fresh,
            fleet=tuple(self.fleet),
            changes=self.changes,
            causes=tuple(self.causes),
            builds=self.counted.builds,
            evidence=tuple(self.evidence),
            unknown=tuple(self.unknown),
            branch=self.branch,
            shared=self.shared,
            differs=self.differs,
            parts=tuple(part for part in Part if part in self.options.parts),
        )


def _shown(reported: Step, trial: Trial) -> Trial:
    """A step whose answer is not good has no tick."""
    reported.note, reported.failed = trial.result.value, trial.result is not Result.GOOD
    return trial


def _beside(pinned: Trial, fresh: Trial) -> str:
    """What the fresh one shows that the pinned one does not, on whichever boot path."""
    known = {each.partition(":")[2] for each in pinned.failed}
    more = [each for each in fresh.failed if each.partition(":")[2] not in known] if known else []
    if not more:
        return "nothing that moved is to blame"
    return f"nothing that moved is blamed for that; {more[0]} fails beside it, which a night after the mend looks into"


def _fleet_cause(digest: str, named_by: Sequence[str], trial: Trial) -> Cause:
    return Cause(
        part=Part.FLEET,
        attribution=Attribution.OURS,
        layer=trial.layers[0] if trial.layers else "",
        title=f"{digest[:19]} cannot be gone back to: {trial.reason or ', '.join(trial.failed[:2])}",
        evidence=(f"named by {', '.join(named_by)}",),
        about=digest,
    )
