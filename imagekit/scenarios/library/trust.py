"""Images that a node must not take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from imagekit.scenarios import ask
from imagekit.scenarios.model import Kind, Node, Scenario, Tally, World

_NO_SIGNATURE, _NO_DIGEST = r"sign|verif", r"digest|hash|checksum|sha256"
_IMAGES_ON = ("COS_STATE", "COS_RECOVERY")


def unsigned(world: World, tally: Tally) -> None:
    """An image that nobody signed is refused before a sector is written."""
    with world.machines.installed("unsigned") as node:
        tally.nodes.append(node)
        ask.trust_only(node, world.supply.public_key)
        with _nothing_written(node):
            ask.refused_upgrade(node, world.supply.target(Kind.UNSIGNED), tally, because=_NO_SIGNATURE)


def tampered(world: World, tally: Tally) -> None:
    """An altered image with the original's signature, and a signed one with a damaged layer: both are refused."""
    with world.machines.installed("tampered") as node:
        tally.nodes.append(node)
        ask.trust_only(node, world.supply.public_key)
        with _nothing_written(node):
            ask.refused_upgrade(node, world.supply.target(Kind.FORGED), tally, because=_NO_SIGNATURE)
        before = ask.images(node)
        ask.refused_upgrade(node, world.supply.target(Kind.DAMAGED), tally, because=_NO_DIGEST)
        ask.demand(ask.images(node) == before, f"a refused upgrade left {ask.images(node)}, there was {before}")


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
        story=unsigned,
    ),
    Scenario(
        name="tampered",
        promise="An altered image under the original's signature is refused unwritten, a damaged one leaves nothing.",
        budget=120.0,
        story=tampered,
    ),
)
