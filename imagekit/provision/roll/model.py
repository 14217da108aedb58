"""What a roll is: its waves, worked out before anything changes, and how far it has come."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

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

    def nodes(self, *changes: Change) -> tuple[str, ...]:
        """The nodes to which the wave does one of these."""
        return tuple(name for step in self.steps if step.change in changes for name in step.nodes)


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
    done: int = Field(0, ge=0, description="waves that are committed")
    phase: Phase = Phase.ROLLING
    unwell: tuple[str, ...] = Field((), description="hosts that were not well before it began")

    @property
    def current(self) -> Wave | None:
        """The wave that was committed last."""
        return self.waves[self.done - 1] if self.done else None

    @property
    def next(self) -> Wave | None:
        """The wave to come."""
        return self.waves[self.done] if self.done < len(self.waves) else None
