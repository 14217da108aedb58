"""Which digest each node is meant to run: its own, or that of the channel it follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from imagekit.fleet.fleet import Fleet, FleetNode
from imagekit.fleet.read import read_fleet_texts
from imagekit.oci.reference import Digest


class Pointed(Protocol):
    """What a channel says of one image."""

    @property
    def digest(self) -> str: ...


class ChannelLike(Protocol):
    """A channel file, as `imagekit.release.channel.model.ChannelFile` is one."""

    @property
    def channel(self) -> str: ...

    @property
    def images(self) -> Mapping[str, Pointed]: ...


def nodes_of(fleet_files: Mapping[str, str], channel_files: Iterable[ChannelLike]) -> dict[str, Digest | None]:
    """The digest of every node of some fleet files (path and text), by its name; pure.

    None is a node that follows a channel which points at nothing for its image. Raises `ConfigError` where a file
    cannot be read: then nothing is known of any node.
    """
    return digests_of(read_fleet_texts(fleet_files), channel_files)


def digests_of(fleet: Fleet, channel_files: Iterable[ChannelLike]) -> dict[str, Digest | None]:
    """As `nodes_of`, for a fleet that was read."""
    channels = {each.channel: each.images for each in channel_files}
    return {name: digest_of(node, channels) for name, node in fleet.nodes.items()}


def digest_of(node: FleetNode, channels: Mapping[str, Mapping[str, Pointed]]) -> Digest | None:
    """The digest of one node."""
    if node.digest is not None:
        return node.digest
    pointed = channels.get(node.channel or "", {}).get(node.image)
    return Digest(pointed.digest) if pointed is not None else None


def runners(nodes: Mapping[str, FleetNode], image: str, digest: Digest, channels: set[str]) -> list[str]:
    """The names of the nodes that are meant to run a digest.

    They are pinned to it, follow a channel that points at it, or have an instance of it that is not drained yet.
    """
    return sorted(name for name, node in nodes.items() if node.image == image and _runs(node, digest, channels))


def _runs(node: FleetNode, digest: Digest, channels: set[str]) -> bool:
    if node.retiring is not None and node.retiring.digest == str(digest):
        return True
    return node.digest == digest if node.digest is not None else node.channel in channels
