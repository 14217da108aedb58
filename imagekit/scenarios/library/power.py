"""Power cuts in the middle of upgrades."""

from __future__ import annotations

import random
from dataclasses import dataclass

from imagekit.base.process import now
from imagekit.scenarios import ask
from imagekit.scenarios.model import Kind, Mode, Node, Scenario, Tally, Target, World

_LATEST = 1.1  # of the time that a whole upgrade takes


def power_cuts(world: World, tally: Tally) -> None:
    """Cut the power at random moments of upgrades; each time the node comes up on the old or the new image, whole."""
    dice = random.Random(world.seed)
    tally.say(f"seed {world.seed}, {world.cuts} cuts")
    with world.machines.installed("power-cuts") as node:
        tally.nodes.append(node)
        life = _Life(node, world, world.installed_version)
        target = life.other
        begun = now()
        ask.upgrade(node, target, tally)
        whole = now() - begun
        # The first cut comes right after the agent said that it is done: from then on the new image must be there.
        life.survive(target, "right after the upgrade was reported as done")
        ask.require(life.running == target.version, "the upgrade was reported as done, and the old image came up")
        for number in range(2, world.cuts + 1):
            target, instant = life.other, dice.uniform(0.0, _LATEST) * whole
            ask.begin(node, ask.upgrade_command(target))
            node.pause(instant)
            tally.write_seconds += instant
            life.survive(target, f"{instant:.1f} s into an upgrade of {whole:.1f} s, cut {number} of {world.cuts}")


@dataclass(slots=True)
class _Life:
    """A node that is cut off again and again; `running` is the version it came up with last."""

    node: Node
    world: World
    running: str

    @property
    def other(self) -> Target:
        """An image that the node does not run now."""
        later = self.world.supply.target(Kind.LATER)
        return self.world.supply.target(Kind.LAST) if self.running == later.version else later

    def survive(self, target: Target, instant: str) -> None:
        """Cut the power, start, and demand a whole image: the one from before or the target."""
        self.node.cut_power()
        self.node.start()
        before, self.running = self.running, ask.version(self.node)
        ask.require(
            self.running in (before, target.version),
            f"power cut {instant}: the node came up with {self.running!r}, neither {before!r} nor {target.version!r}",
        )
        found = ask.mode(self.node)
        ask.require(found in (Mode.ACTIVE, Mode.PASSIVE), f"power cut {instant}: the node came up as {found}")
        if self.running != before:
            ask.whole(self.node)


SCENARIOS = (
    Scenario(
        name="power-cuts",
        promise="Cut off at random moments of an upgrade, the node boots the old or the new image, and it is whole.",
        budget=150.0,
        each_cut=100.0,
        script=power_cuts,
    ),
)
