"""Upgrades in place and joining: what takes a fleet down at once, or leaves a door open."""

from __future__ import annotations

from collections.abc import Iterator

from imagekit.provision.check.finding import Hit, Level, lint
from imagekit.provision.check.objects import Tree

_NEVER = ("0", "0s", "0m", "0h")


@lint(
    "upgrade-concurrency",
    "concurrency 0, which is the default, upgrades every node at once.",
    "Set concurrency: 1.",
)
def concurrency(tree: Tree) -> Iterator[Hit]:
    """Upgrades of all nodes at once."""
    for each in tree.of("NodeOpUpgrade"):
        if each.get("spec", "concurrency") in (None, 0):
            yield Hit(each, ("spec", "concurrency"), "all nodes are upgraded at once")


@lint(
    "upgrade-goes-on",
    "Without stopOnFailure the operator goes on to the next node after one that failed.",
    "Set stopOnFailure: true.",
)
def stops(tree: Tree) -> Iterator[Hit]:
    """Upgrades that go on after a failure."""
    for each in tree.of("NodeOpUpgrade"):
        if each.get("spec", "stopOnFailure") is not True:
            yield Hit(each, ("spec", "stopOnFailure"), "stopOnFailure is not true")


@lint(
    "upgrade-everywhere",
    "Without a nodeSelector an upgrade is for every node of the cluster, other images' too.",
    "Select the nodes that run this image.",
    level=Level.WARNING,
)
def selected(tree: Tree) -> Iterator[Hit]:
    """Upgrades without a selector."""
    for each in tree.of("NodeOpUpgrade"):
        if not each.get("spec", "nodeSelector"):
            yield Hit(each, ("spec", "nodeSelector"), "no nodeSelector")


@lint(
    "join-token-expiry",
    "A join token without an end is a credential for good; k0smotron takes 0s as never.",
    "Set expiry, such as 1h.",
)
def expiry(tree: Tree) -> Iterator[Hit]:
    """Join tokens that never expire."""
    for each in tree.of("JoinTokenRequest"):
        if str(each.get("spec", "expiry") or "0s") in _NEVER:
            yield Hit(each, ("spec", "expiry"), "the token never expires")
