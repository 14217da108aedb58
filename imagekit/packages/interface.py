"""What both package managers do for a lock; `apt` and `dnf` implement it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from imagekit.base.errors import RefusedError, ToolError
from imagekit.config.packagelock import LockedPackage


class MirrorError(ToolError):
    """A mirror failed, or serves something else than what it is a mirror of: infrastructure, and no drift."""


class ResolveError(RefusedError):
    """The packages that are asked for cannot be installed together from what the distribution has."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What one stage asks for; `on` is the stage below it, empty for the bottom.

    `selectors` are words of the package manager's own for what is not named, such as apt's ``?essential``.
    """

    stage: str
    on: str
    packages: tuple[str, ...]
    selectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Keep:
    """What a resolution may not move: versions of an earlier lock, and those of their files that are kept here.

    `repository` is a repository made of these files (see `Manager.index`); versions that no mirror has any more are
    found there.
    """

    packages: tuple[LockedPackage, ...] = ()
    repository: Path | None = None


class Manager(Protocol):
    """A distribution's package manager, for one architecture and set of mirrors."""

    suffix: str

    def resolve(self, asks: Sequence[Ask], keep: Keep) -> tuple[LockedPackage, ...]:
        """Everything that the stages install, dependencies included, each by the stage that brings it.

        Raises `ResolveError` for what cannot be installed, `MirrorError` for a mirror that fails or serves a part.
        """

    def security(self, packages: Sequence[LockedPackage]) -> tuple[str, ...]:
        """Names of those whose newest version is a security update; holds after `resolve`.

        Raises `MirrorError` where no archive tells that.
        """

    def fetch(self, packages: Sequence[LockedPackage], into: Path) -> Mapping[str, str]:
        """Get the files of packages, each as `into`/SHA-256; what could not be had is not there afterwards.

        Returns by SHA-256 why, where it is another reason than that the file is not there any more.
        """

    def index(self, folder: Path, files: Sequence[tuple[str, LockedPackage]]) -> None:
        """Make `folder`, which holds these files by name, a repository: the same files give the same bytes."""
