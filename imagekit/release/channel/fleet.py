"""The fleet files: which nodes exist and which channel each follows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from imagekit.base.errors import ConfigError
from imagekit.config.load import parse_file
from imagekit.config.model import Frozen, Name
from imagekit.oci.reference import Digest
from imagekit.release.channel.model import DigestText

FOLDER = "fleet"


class Node(Frozen):
    """A node follows a channel, or is pinned to a digest."""

    image: Name
    channel: Name | None = Field(None, description="the channel it follows")
    digest: DigestText | None = Field(None, description="the digest it is pinned to, whatever its channel says")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.channel is None and self.digest is None:
            raise ValueError("a node follows a channel or is pinned to a digest")
        return self


class FleetFile(Frozen):
    """fleet/*.yaml."""

    version: Literal[1]
    nodes: dict[Name, Node] = Field(min_length=1)


def read_fleet(root: Path) -> dict[str, Node]:
    """Every node of every fleet file, by its name; raises `ConfigError` with file, line and key."""
    return dict(read_nodes(root))


def read_nodes(root: Path) -> list[tuple[str, Node]]:
    """As `read_fleet`, with both of two nodes that share a name; a file that would be passed over is an error."""
    paths = sorted((root / FOLDER).glob("*.yaml"))
    for path in sorted((root / FOLDER).rglob("*")):
        if path.suffix.lower() in (".yaml", ".yml") and path not in paths:
            raise ConfigError(f"{path} is not read", hint=f"Fleet files are {FOLDER}/NAME.yaml, in no folder below.")
    return [(name, node) for path in paths for name, node in parse_file(FleetFile, path).nodes.items()]


def runners(nodes: Mapping[str, Node], image: str, digest: Digest, channels: set[str]) -> list[str]:
    """The names of the nodes that are meant to run a digest: pinned to it, or following a channel that points at it."""
    return sorted(
        name
        for name, node in nodes.items()
        if node.image == image and (node.digest == str(digest) if node.digest is not None else node.channel in channels)
    )
