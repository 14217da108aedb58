"""Upgrades to images that do not boot."""

from __future__ import annotations

from collections.abc import Callable

from imagekit.scenarios import ask
from imagekit.scenarios.model import Kind, Mode, Node, Scenario, Script, Tally, World
from imagekit.scenarios.variants import HANG_SAYS

_TRIES = 4


def _comes_back_by_itself(node: Node) -> None:
    node.reboot_through()


def _somebody_pulls_the_plug(node: Node) -> None:
    """A hang ends by nothing but a hand: power off and on, until the node comes up."""
    hung = node.reboot_until(HANG_SAYS)
    ask.require(hung, "the new image was not even tried")
    for _ in range(_TRIES):
        hung = node.start_until(HANG_SAYS)
        if not hung:
            return
    ask.require(False, f"the node hung {_TRIES + 1} times and never fell back")


def _script(kind: Kind, endure: Callable[[Node], None], *, again: bool = False) -> Script:
    """With `again` the repaired image is started twice; without it only the assessment is looked at: a boot less."""

    def fallback(world: World, tally: Tally) -> None:
        with world.machines.installed(f"fallback-{_NAMES[kind]}") as node:
            tally.nodes.append(node)
            ask.upgrade(node, world.supply.target(kind), tally)
            endure(node)
            ask.stands_on(node, Mode.PASSIVE, world.installed_version)
            repaired = world.supply.target(Kind.LATER)
            ask.upgrade(node, repaired, tally)
            node.reboot()
            ask.stands_on(node, Mode.ACTIVE, repaired.version)
            ask.healthy(node)
            ask.off_trial(node)
            if again:
                node.reboot()
                ask.stands_on(node, Mode.ACTIVE, repaired.version)

    return fallback


_NAMES = {Kind.PANIC: "panic", Kind.HANG: "hang", Kind.FAIL: "unit"}
SCENARIOS = (
    Scenario(
        name="fallback-panic",
        promise="An image whose kernel panics is left for the old one by itself; the next good upgrade stays.",
        budget=400.0,
        script=_script(Kind.PANIC, _comes_back_by_itself, again=True),
    ),
    Scenario(
        name="fallback-hang",
        promise="An image that hangs is left for the old one when power is cycled; the next good upgrade stays.",
        budget=400.0,
        script=_script(Kind.HANG, _somebody_pulls_the_plug),
    ),
    Scenario(
        name="fallback-unit",
        promise="An image whose vital unit fails is left for the old one by itself; the next good upgrade stays.",
        budget=400.0,
        script=_script(Kind.FAIL, _comes_back_by_itself),
    ),
)
