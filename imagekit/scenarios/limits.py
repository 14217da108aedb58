"""What real Kairos is known not to do. A scenario that meets it on a node proves less, and its result says so.

A limit is looked at anew on each node and never assumed: an agent that does better keeps the whole promise. It is none
of a node that calls itself imagekit's stand-in, which has to do as it promises.
"""

from __future__ import annotations

from dataclasses import dataclass

from imagekit.scenarios import ask
from imagekit.scenarios.model import GrubEntry, Mode, Node, Tally, Target, World

STAND_IN = "-standin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """`cause` is what the agent of a node does not do, `known` where that was seen first."""

    cause: str
    known: str


DIGEST = Limit(
    cause="the node's agent does not compare what it pulls with its digest",
    known="Kairos 4.2, commit ca022425",
)
SPACE = Limit(
    cause="the node's agent does not look at the space on COS_STATE, and what has no room is lost",
    known="Kairos 4.2, commit ca022425",
)


def stays_on_old(node: Node, world: World, tally: Tally, target: Target, limit: Limit) -> None:
    """The least that holds on real Kairos of an upgrade that was done though it must be refused: the way back.

    The image of before is the passive one, and a node that is told to start it runs.
    """
    framework = ask.release(node, "KAIROS_INIT_VERSION")
    broken = f"the upgrade to {target.kind} was done, though it must be refused"
    ask.require(bool(framework) and not framework.endswith(STAND_IN), broken)
    kept = ask.image_version(node, "passive.img")
    ask.require(kept == world.installed_version, f"{broken}, and passive.img holds {kept!r}: there is no way back")
    ask.select(node, GrubEntry.PASSIVE)
    node.reboot()
    ask.stands_on(node, Mode.PASSIVE, world.installed_version)
    tally.limit = (
        f"{limit.cause} (kairos-init {framework}; known of {limit.known}): {broken}. "
        "The image of before was kept as the passive one and runs"
    )
