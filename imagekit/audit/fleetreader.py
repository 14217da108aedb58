"""How fleet and channel files of any commit are read: into assignments and pointers, or into the reason why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from imagekit.audit.model import Assignment, Pointed
from imagekit.base.errors import ConfigError, ImagekitError
from imagekit.base.text import one_line
from imagekit.config.load import parse_text
from imagekit.fleet.fleet import FleetNode
from imagekit.fleet.read import read_fleet_texts
from imagekit.release.channel.model import ChannelFile

# Every node of all fleet files of one commit, by path and content; raises `ImagekitError` for files that say nothing.
FleetReader = Callable[[Mapping[str, bytes]], Mapping[str, Assignment]]


def read_fleet_files(files: Mapping[str, bytes]) -> dict[str, Assignment]:
    """As `imagekit.fleet` reads the files of a checkout; raises `ConfigError` for a file that would be passed over."""
    texts = {path: data.decode("utf-8", "replace") for path, data in files.items() if _is_yaml(path)}
    return {name: assignment_of(node) for name, node in read_fleet_texts(texts).nodes.items()}


def _is_yaml(path: str) -> bool:
    where = PurePosixPath(path)
    if where.suffix.lower() not in (".yaml", ".yml"):
        return False
    if where.suffix != ".yaml" or len(where.parts) != 2:
        raise ConfigError(f"{path} is not read; fleet files are fleet/NAME.yaml, in no folder below")
    return True


def assignment_of(node: FleetNode) -> Assignment:
    """What of a node of the fleet an audit goes by."""
    return Assignment(
        image=node.image,
        channel=node.channel or "",
        digest=str(node.digest) if node.digest is not None else "",
        cluster=node.cluster or "",
        address=",".join(node.addresses),
        retiring=node.retiring.digest if node.retiring is not None else "",
    )


def read_channel_file(path: str, data: bytes) -> tuple[str, dict[str, Pointed]]:
    """The channel that a path names, and what it points at for each image; raises `ImagekitError`."""
    file = parse_text(ChannelFile, data.decode("utf-8", "replace"), Path(path))
    return PurePosixPath(path).stem, {
        image: Pointed(
            digest=each.digest,
            version=each.version,
            reference=each.reference,
            record=each.record,
            record_hash=each.record_hash,
        )
        for image, each in file.images.items()
    }


def problem_of(error: ImagekitError) -> str:
    """Why a file could not be read, in one line."""
    return one_line(str(error))
