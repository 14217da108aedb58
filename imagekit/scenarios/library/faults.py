"""Upgrades that come to nothing, and must leave nothing."""

from __future__ import annotations

from imagekit.scenarios import ask, limits
from imagekit.scenarios.model import Kind, Mode, Node, Scenario, Tally, World

_FILLER = f"{ask.STATE}/imagekit-filler"
_LEFT = 1.25  # of what travels: enough to begin with, and too little for what it unpacks to
_NO_SPACE = r"\b(space|room|fits?|large|free|full)\b"
_LOST = r"EOF|reset|refused|closed|broke|bytes|connect|unreachable"


def disk_full(world: World, tally: Tally) -> None:
    """Leave too little space for an image: the upgrade fails half-way and every image is as it was."""
    with world.machines.installed("disk-full") as node:
        tally.nodes.append(node)
        before, target = ask.images(node), world.supply.target(Kind.NEXT)
        _fill(node, left=int(target.size * _LEFT))
        if not ask.is_refused(node, target, tally, because=_NO_SPACE):
            limits.stays_on_old(node, world, tally, target, limits.SPACE)
            return
        ask.require(ask.images(node) == before, f"a failed upgrade left {ask.images(node)}, there was {before}")


def source_dies(world: World, tally: Tally) -> None:
    """The registry goes away in the middle: the upgrade fails, and succeeds when it is there again."""
    with world.machines.installed("source-dies") as node:
        tally.nodes.append(node)
        before, target = ask.images(node), world.supply.target(Kind.NEXT)
        world.supply.die_after(target.size // 2)
        try:
            ask.refused_upgrade(node, target, tally, because=_LOST)
        finally:
            world.supply.revive()
        ask.require(ask.images(node) == before, f"a failed upgrade left {ask.images(node)}, there was {before}")
        ask.upgrade(node, target, tally)
        node.reboot()
        ask.stands_on(node, Mode.ACTIVE, target.version)


def _fill(node: Node, *, left: int) -> None:
    """All of the state partition but so many bytes is one large file."""
    free = f"$(( $(stat -f -c '%a * %S' {ask.STATE}) - {left} ))"
    ask.answer(
        node, f"mount -o remount,rw {ask.STATE} && fallocate -l {free} {_FILLER} && mount -o remount,ro {ask.STATE}"
    )


SCENARIOS = (
    Scenario(
        name="disk-full",
        promise="An upgrade that finds no space fails, says so, leaves nothing behind and changes no image.",
        budget=110.0,
        script=disk_full,
    ),
    Scenario(
        name="source-dies",
        promise="An upgrade whose registry dies half-way leaves nothing; the same one succeeds later.",
        budget=240.0,
        script=source_dies,
    ),
)
