"""Images that a node must not take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from imagekit.lifecycle import ask
from imagekit.lifecycle.model import Kind, Mode, Node, Scenario, Story, Tally, World

_KEY = "/oem/imagekit-lifecycle.pub"
_CONFIG = "/oem/98_imagekit_trust.yaml"
_IMAGES_ON = ("COS_STATE", "COS_RECOVERY")


def _story(kind: Kind) -> Story:
    """An image whose signature does not hold is refused before a sector is written."""

    def refused(world: World, tally: Tally) -> None:
        with world.machines.installed(f"{kind}") as node:
            tally.nodes.append(node)
            _trust(node, world)
            with _nothing_written(node):
                ask.refused_upgrade(node, world.supply.target(kind), tally, because=r"sign|verif")

    return refused


def damaged(world: World, tally: Tally) -> None:
    """A signed image with an altered layer is refused; a good one is taken by the same node."""
    with world.machines.installed("damaged") as node:
        tally.nodes.append(node)
        _trust(node, world)
        before = ask.images(node)
        ask.refused_upgrade(node, world.supply.target(Kind.DAMAGED), tally, because=r"digest|hash|checksum|sha256")
        ask.demand(ask.images(node) == before, f"a refused upgrade left {ask.images(node)}, there was {before}")
        target = world.supply.target(Kind.NEXT)
        ask.upgrade(node, target, tally)
        node.reboot()
        ask.stands_on(node, Mode.ACTIVE, target.version)


def _trust(node: Node, world: World) -> None:
    """From now on this node takes only what this key signed."""
    ask.write(node, _KEY, world.supply.public_key)
    ask.write(node, _CONFIG, f"#cloud-config\ncosign: true\ncosign-key: {_KEY}\n")


@contextmanager
def _nothing_written(node: Node) -> Iterator[None]:
    """Not one sector of the partitions that hold images, by the kernel's own count, and no file of them changed."""
    before, files = [ask.sectors_written(node, label) for label in _IMAGES_ON], ask.images(node)
    yield
    after = [ask.sectors_written(node, label) for label in _IMAGES_ON]
    for label, first, last in zip(_IMAGES_ON, before, after, strict=True):
        ask.demand(first == last, f"{last - first} sectors were written to {label} before the image was refused")
    ask.demand(ask.images(node) == files, "a refused upgrade changed the images")


SCENARIOS = (
    Scenario(
        name="unsigned",
        promise="An image without a signature by a trusted key is refused before a sector is written.",
        budget=90.0,
        story=_story(Kind.UNSIGNED),
    ),
    Scenario(
        name="tampered",
        promise="An image that was altered and carries the signature of the original is refused, nothing is written.",
        budget=90.0,
        story=_story(Kind.FORGED),
    ),
    Scenario(
        name="damaged",
        promise="A signed image with a damaged layer is refused and leaves nothing; a good one is taken.",
        budget=200.0,
        story=damaged,
    ),
)
