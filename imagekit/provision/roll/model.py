"""What a roll is: its waves, worked out before anything changes, and how far it has come."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from imagekit.base.errors import RefusedError
from imagekit.config.model import Frozen, ImageDigest, Name


class RollError(RefusedError):
    """A roll must not begin, or must not go on. What was committed until then stays as it is."""


class Change(StrEnum):
    """What a wave does to a node."""

    CREATE = "create"  # its new machine is made
    REMOVE = "remove"  # its old machine is taken away
    UPGRADE = "upgrade"  # it upgrades itself in place


class Step(Frozen):
    """One thing that a wave does to some nodes."""

    change: Change
    nodes: tuple[Name, ...] = Field(min_length=1)


class Wave(Frozen):
    """What one commit changes."""

    cluster: Name
    steps: tuple[Step, ...] = Field(min_length=1)
    back: bool = Field(False, description="whether it takes an earlier wave back")

    def nodes(self, *changes: Change) -> tuple[str, ...]:
        """The nodes to which the wave does one of these."""
        return tuple(name for step in self.steps if step.change in changes for name in step.nodes)

    @property
    def inverse(self) -> Wave:
        """The wave that takes this one back."""
        other = {Change.CREATE: Change.REMOVE, Change.REMOVE: Change.CREATE, Change.UPGRADE: Change.UPGRADE}
        steps = tuple(Step(change=other[step.change], nodes=step.nodes) for step in reversed(self.steps))
        return Wave(cluster=self.cluster, steps=steps, back=not self.back)


class Phase(StrEnum):
    """How far a roll has come."""

    ROLLING = "rolling"
    DONE = "done"
    TAKEN_BACK = "taken back"


class RollRecord(Frozen):
    """fleet/roll.json: the roll that is under way, or the last one; committed with each wave."""

    version: Literal[1] = 1
    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")] = Field(description="of plan and start")
    image: Name
    old: ImageDigest
    new: ImageDigest
    waves: tuple[Wave, ...]
    done: int = Field(0, ge=0, description="waves that were committed")
    undone: int = Field(0, ge=0, description="waves of these that were taken back")
    back: bool = Field(False, description="whether it goes back")
    phase: Phase = Phase.ROLLING
    change: str = Field("", max_length=64, description="id of the change record it goes by")
    withdrawn: bool = Field(False, description="whether the old digest was withdrawn or blocked when it began")
    unwell: tuple[str, ...] = Field((), description="hosts that were not well before it began")
    before: dict[str, dict[str, Any]] = Field(default_factory=dict, description="fleet/roll.yaml before it began")

    @property
    def standing(self) -> int:
        """How many waves are in effect: always the first ones."""
        return self.done - self.undone

    @property
    def current(self) -> Wave | None:
        """The wave that was committed last."""
        if self.undone:
            return self.waves[self.standing].inverse
        return self.waves[self.done - 1] if self.done else None

    @property
    def next(self) -> Wave | None:
        """The wave to come."""
        if self.back:
            return self.waves[self.standing - 1].inverse if self.standing else None
        return self.waves[self.done] if self.done < len(self.waves) else None

    def advanced(self) -> RollRecord:
        """The record that is committed with the next wave."""
        step = {"undone": self.undone + 1} if self.back else {"done": self.done + 1}
        made = self.model_copy(update=step)
        if made.next is not None:
            return made
        return made.model_copy(update={"phase": Phase.TAKEN_BACK if self.back else Phase.DONE})
