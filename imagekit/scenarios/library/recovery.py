"""The third image, and the way back to the beginning."""

from __future__ import annotations

from imagekit.scenarios import ask
from imagekit.scenarios.model import GrubEntry, Kind, Mode, Scenario, Tally, World

_PERSISTENT = "/usr/local/imagekit-lifecycle"
_OEM = "/oem/imagekit-lifecycle"


def recovery(world: World, tally: Tally) -> None:
    """Upgrade recovery alone and boot it, once, with OEM and without the persistent partition."""
    with world.machines.installed("recovery") as node:
        tally.nodes.append(node)
        ask.write(node, _PERSISTENT, "kept\n")
        ask.write(node, _OEM, "kept\n")
        before, target = ask.images(node), world.supply.target(Kind.NEXT)
        ask.upgrade(node, target, tally, recovery=True)
        ask.require(ask.images(node) == before, "an upgrade of recovery changed active or passive")
        ask.select(node, GrubEntry.RECOVERY)
        node.reboot()
        ask.stands_on(node, Mode.RECOVERY, target.version)
        ask.reads(node, _OEM, "kept\n")
        ask.gone(node, _PERSISTENT)
        node.reboot()
        ask.stands_on(node, Mode.ACTIVE, world.installed_version)
        ask.reads(node, _PERSISTENT, "kept\n")


def reset(world: World, tally: Tally) -> None:
    """Reset by the boot entry: OEM stays, the persistent partition is empty."""
    with world.machines.installed("reset") as node:
        tally.nodes.append(node)
        ask.write(node, _PERSISTENT, "to be wiped\n")
        ask.write(node, _OEM, "kept\n")
        ask.select(node, GrubEntry.RESET)
        node.reboot_twice()
        ask.stands_on(node, Mode.ACTIVE, world.installed_version)
        ask.reads(node, _OEM, "kept\n")
        ask.gone(node, _PERSISTENT)


SCENARIOS = (
    Scenario(
        name="recovery",
        promise="Recovery is upgraded alone and boots once when chosen, with OEM and without the persistent partition.",
        budget=250.0,
        script=recovery,
    ),
    Scenario(
        name="reset",
        promise="A reset keeps OEM and wipes the persistent partition, and the node comes up again.",
        budget=240.0,
        script=reset,
    ),
)
