"""Which schemas belong to this imagekit: files of upstream releases, by commit and SHA-256."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from imagekit.config.load import parse_file
from imagekit.config.model import Frozen, Name

PINS = Path(__file__).with_name("pins.yaml")
_RAW = "https://raw.githubusercontent.com"
Sha = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FilePath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$")]


class Project(Frozen):
    """One upstream project at one release."""

    repository: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$")]
    release: Annotated[str, StringConstraints(pattern=r"^v[0-9A-Za-z.-]+$")]
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")] | None = None
    files: dict[FilePath, Sha] = Field(min_length=1)


class PinsFile(Frozen):
    """pins.yaml."""

    version: Literal[1]
    projects: dict[Name, Project] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Pin:
    """One file: where it is upstream, its SHA-256 in hex, and where it goes in the folder of schemas."""

    project: str
    release: str
    address: str
    sha256: str
    target: Path


def read_pins(path: Path = PINS) -> list[Pin]:
    """Every pinned file, sorted by its place. Raises `ConfigError` for a file of pins that is wrong."""
    found = parse_file(PinsFile, path)
    return sorted((pin for name, one in found.projects.items() for pin in _pins(name, one)), key=lambda pin: pin.target)


def _pins(name: str, one: Project) -> Iterator[Pin]:
    for path, checksum in one.files.items():
        address = f"{_RAW}/{one.repository}/{one.commit or one.release}/{path}"
        yield Pin(name, one.release, address, checksum, Path(name, Path(path).name))
