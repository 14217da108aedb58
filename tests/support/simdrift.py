"""A world for nights: a lock, what upstream has, and planted faults; it counts builds and turns its own clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from imagekit.drift.interface import ApartError, InfrastructureError, UpstreamError
from imagekit.drift.model import Change, Input, Key, Lock, Released, Result, Trial

LAYERS = ("base", "k0s", "sssd", "ca-trust")
Fault = Callable[[Lock, int], str]


def lock_of(count: int, version: str = "1", *, per_layer: int = 4) -> dict[Key, Input]:
    """So many packages, named p00 and on, spread over the layers from the bottom."""
    keys = [Key(LAYERS[min(number // per_layer, 3)], f"p{number:02}", "amd64") for number in range(count)]
    return {key: Input(version, f"{key.name}-{version}", key.name) for key in keys}


def bad_together(*names: str, version: str = "2") -> Fault:
    """A fault that shows when all of these packages have that version."""

    def fault(lock: Lock, _layers: int) -> str:
        have = {key.name for key, each in lock.items() if each.version == version}
        return f"base/test_x.py::test_{names[0]}" if set(names) <= have else ""

    return fault


def bad_layer(layer: str) -> Fault:
    """A fault of a layer, in every stack that has it, whatever the packages are."""
    return lambda _lock, layers: f"{layer}/test_x.py::test_x" if LAYERS.index(layer) < layers else ""


@dataclass(slots=True)
class SimWorld:
    """See `imagekit.drift.interface.World`.

    `down` names questions that end with an `InfrastructureError`; `unbuildable` says which locks cannot be put
    together. A full build with its tests takes `trial_minutes`, a look at upstream one minute.
    """

    now_lock: dict[Key, Input]
    upstream: dict[Key, Input] | None = None
    faults: list[Fault] = field(default_factory=list)
    down: dict[str, str] = field(default_factory=dict)
    unbuildable: Callable[[Lock], bool] = lambda _lock: False
    unresolvable: str = ""
    flaky: int = 0
    changed: tuple[str, ...] | None = ()
    gone: tuple[str, ...] = ()
    fleet: list[Released] = field(default_factory=list)
    bad_fleet: dict[str, str] = field(default_factory=dict)
    good_before: tuple[Trial, datetime, bool] | None = None
    trial_minutes: int = 60
    image: str = "node"
    layers: Sequence[str] = LAYERS
    clock: datetime = datetime(2026, 11, 28, 2, 17, tzinfo=UTC)
    locks: list[Lock] = field(default_factory=list)
    stacks: list[int] = field(default_factory=list)
    rehearsed: list[str] = field(default_factory=list)
    updates: list[str] = field(default_factory=list)

    def _asked(self, name: str, minutes: float = 1) -> None:
        self.clock += timedelta(minutes=minutes)
        if name in self.down:
            raise InfrastructureError(self.down[name])

    def now(self) -> datetime:
        """The simulated time."""
        return self.clock

    def pinned(self) -> Lock:
        """What is committed."""
        self._asked("pinned", 0)
        return self.now_lock

    def fresh(self) -> Lock:
        """What upstream has."""
        self._asked("fresh")
        if self.unresolvable:
            raise UpstreamError(self.unresolvable)
        return self.now_lock if self.upstream is None else self.upstream

    def trial(
        self, lock: Lock, *, layers: int | None = None, lifecycle: bool = False, like: Trial | None = None
    ) -> Trial:
        """Build and test."""
        self.locks.append(lock)
        self.stacks.append(layers or len(self.layers))
        if self.unbuildable(lock):
            raise ApartError("cannot be installed apart")
        self._asked("trial", self.trial_minutes)
        failed = tuple(filter(None, (fault(lock, self.stacks[-1]) for fault in self.faults)))
        digest = "sha256:" + sha256(repr(sorted(lock.items())).encode()).hexdigest()
        blamed = tuple(dict.fromkeys(each.partition("/")[0] for each in failed))
        flaking = self.flaky > 0
        self.flaky -= flaking
        failed = ("base/test_x.py::test_flaky",) if flaking else failed
        return Trial(
            result=Result.BAD if failed else Result.GOOD, digest=digest, run_id="r1", failed=failed, layers=blamed
        )

    def installed(self, lock: Lock) -> Lock:
        """All of it."""
        return lock

    def again(self, trial: Trial) -> Trial:
        """The same, unless it flaked."""
        self._asked("again", 20)
        if trial.failed == ("base/test_x.py::test_flaky",):
            return Trial(result=Result.GOOD, digest=trial.digest)
        return trial

    def last_good(self, *, lifecycle: bool) -> tuple[Trial, datetime, bool] | None:
        """What a test says."""
        return self.good_before

    def sources_changed(self) -> tuple[str, ...] | None:
        """What a test says."""
        return self.changed

    def expired(self) -> tuple[str, ...]:
        """What a test says."""
        return self.gone

    def released(self) -> Sequence[Released]:
        """What a test says."""
        self._asked("released", 0)
        return self.fleet

    def rehearse(self, released: Released, newest: Released | None) -> Trial:
        """Bad where a test says so."""
        self._asked("rehearse", 30)
        self.rehearsed.append(f"{released.digest} from {newest.digest if newest else 'itself'}")
        reason = self.bad_fleet.get(released.digest, "")
        return Trial(result=Result.BAD if reason else Result.GOOD, digest=released.digest, reason=reason)

    def last_rehearsal(self, released: Released) -> tuple[Trial, datetime] | None:
        """Yesterday's, once there was a good night."""
        if self.good_before is None:
            return None
        return Trial(result=Result.GOOD, digest=released.digest), self.good_before[1]

    def shared(self, changes: Sequence[Change]) -> tuple[str, ...]:
        """None."""
        return ()

    def differences(self, old: Trial, new: Trial) -> str:
        """Two digests."""
        return f"Changes from {old.digest[:19]} to {new.digest[:19]}"

    def keep_update(self, fresh: Lock, changes: Sequence[Change], text: str) -> str:
        """Takes note of the text."""
        self._asked("keep_update", 0)
        self.updates.append(text)
        return f"imagekit/drift/{self.image}"
