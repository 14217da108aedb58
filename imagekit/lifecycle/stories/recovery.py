"""The third image, and the way back to the beginning."""

from __future__ import annotations

from imagekit.lifecycle import ask
from imagekit.lifecycle.model import Entry, Kind, Mode, Scenario, Tally, World

_PERSISTENT = "/usr/local/imagekit-lifecycle"
_OEM = "/oem/imagekit-lifecycle"


def recovery(world: World, tally: Tally) -> None:
    """Boot recovery, once, with OEM and without the persistent partition."""
    with world.machines.installed("recovery") as node:
        tally.nodes.append(node)
        ask.write(node, _PERSISTENT, "kept\n")
        ask.write(node, _OEM, "kept\n")
        ask.select(node, Entry.RECOVERY)
        node.reboot()
        ask.stands_on(node, Mode.RECOVERY, world.installed_version)
        ask.reads(node, _OEM, "kept\n")
        ask.gone(node, _PERSISTENT)
        node.reboot()
        ask.stands_on(node, Mode.ACTIVE, world.installed_version)
        ask.reads(node, _PERSISTENT, "kept\n")


def recovery_upgrade(world: World, tally: Tally) -> None:
    """Upgrade recovery alone, and boot it."""
    with world.machines.installed("recovery-upgrade") as node:
        tally.nodes.append(node)
        before = ask.images(node)
        target = world.supply.target(Kind.NEXT)
        ask.upgrade(node, target, tally, recovery=True)
        ask.demand(ask.images(node) == before, "an upgrade of recovery changed active or passive")
        ask.select(node, Entry.RECOVERY)
        node.reboot()
        ask.stands_on(node, Mode.RECOVERY, target.version)


def reset(world: World, tally: Tally) -> None:
    """Reset by the boot entry: OEM stays, the persistent partition is empty."""
    with world.machines.installed("reset") as node:
        tally.nodes.append(node)
        ask.write(node, _PERSISTENT, "to be wiped\n")
        ask.write(node, _OEM, "kept\n")
        ask.select(node, Entry.RESET)
        node.reboot_twice()
        ask.stands_on(node, Mode.ACTIVE, world.installed_version)
        ask.reads(node, _OEM, "kept\n")
        ask.gone(node, _PERSISTENT)


SCENARIOS = (
    Scenario(
        name="recovery",
        promise="Recovery boots when it is chosen, once, with OEM and without the persistent partition.",
        budget=180.0,
        story=recovery,
    ),
    Scenario(
        name="recovery-upgrade",
        promise="Recovery is upgraded and boots the new image; active and passive are not touched.",
        budget=180.0,
        story=recovery_upgrade,
    ),
    Scenario(
        name="reset",
        promise="A reset keeps OEM and wipes the persistent partition, and the node comes up again.",
        budget=240.0,
        story=reset,
    ),
)
