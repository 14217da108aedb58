"""Images that a node must not take.

What a node of real Kairos (4.2) does about signatures is little, and these scenarios ask no more: with ``cosign: true``
its agent calls ``cosign -key KEY IMAGE``, a program that no layer installs and a call that no cosign of today knows,
once the space for the image is made. So it takes nothing then, signed or not. Who may enter is decided before: nodes
are told digests that passed the gate. Its unpacking compares no content with its digest (mutate.Extract of
go-containerregistry 0.21.9): where `tampered` meets that, it demands that there is a way back, and its result names
the limit.
"""

from __future__ import annotations

from imagekit.scenarios import ask, limits
from imagekit.scenarios.model import Kind, Scenario, Tally, World

_NO_SIGNATURE, _NO_DIGEST = r"cosign|sign|verif", r"digest|hash|checksum|sha256"


def unsigned(world: World, tally: Tally) -> None:
    """A node that demands signatures refuses what it cannot check, and is left as it was."""
    with world.machines.installed("unsigned") as node:
        tally.nodes.append(node)
        ask.require_signatures(node, world.supply.public_key)
        before = ask.images(node)
        ask.refused_upgrade(node, world.supply.target(Kind.UNSIGNED), tally, because=_NO_SIGNATURE)
        ask.require(ask.images(node) == before, f"a refused upgrade left {ask.images(node)}, there was {before}")


def tampered(world: World, tally: Tally) -> None:
    """An image that is not what its digest says is refused, and nothing is left of it."""
    with world.machines.installed("tampered") as node:
        tally.nodes.append(node)
        before = ask.images(node)
        target = world.supply.target(Kind.DAMAGED)
        if not ask.is_refused(node, target, tally, because=_NO_DIGEST):
            limits.stays_on_old(node, world, tally, target, limits.DIGEST)
            return
        ask.require(ask.images(node) == before, f"a refused upgrade left {ask.images(node)}, there was {before}")


SCENARIOS = (
    Scenario(
        name="unsigned",
        promise="A node that must check signatures takes no image that it cannot check, and nothing is left of it.",
        budget=110.0,
        script=unsigned,
    ),
    Scenario(
        name="tampered",
        promise="An image whose content is not what its digest says is refused, and nothing is left of it.",
        budget=120.0,
        script=tampered,
    ),
)
