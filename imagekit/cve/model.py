"""Advisories, and what of them an image has, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """How a vulnerability stands in an image."""

    FIXABLE = "fix available"  # the distribution has a later version without it
    UNFIXED = "unfixed"
    UNDETERMINED = "undetermined"  # the distribution has not looked at it, or its data cannot be compared
    UNIMPORTANT = "unimportant"  # so the distribution says: no security boundary is crossed
    NOT_APPLICABLE = "does not apply"  # a VEX statement says so

    @property
    def counts(self) -> bool:
        """Whether it is held against the image."""
        return self in (State.FIXABLE, State.UNFIXED, State.UNDETERMINED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """A vulnerability of versions from `introduced` on, below `fixed` (empty: no version is without it).

    `last` is the last version that has it, where a source says that instead; `versions` are named one by one, and where
    it is `listed` by these alone it has no stretch.
    """

    cve: str
    introduced: str = ""
    fixed: str = ""
    last: str = ""
    versions: frozenset[str] = frozenset()
    listed: bool = False
    urgency: str = ""
    undetermined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisories:
    """All that is known of the packages of one distribution; names are those of sources for Debian, else of packages.

    `as_of` is how old the data are, `said` names each source and what its age was told by.
    """

    distro: str
    by_name: Mapping[str, tuple[Advisory, ...]]
    as_of: datetime
    said: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many advisories there are."""
        return sum(map(len, self.by_name.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Vulnerability:
    """One vulnerability in one (source) package; `packages` are the installed ones made of it.

    `layer` is the project's layer that brought this version, empty where nothing tells it. `new`: not known, or not in
    the image, at the release that was compared with; None without one.
    """

    cve: str
    name: str
    version: str
    packages: tuple[str, ...]
    state: State
    fixed: str = ""
    urgency: str = ""
    layer: str = ""
    reason: str = ""
    new: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What was found in so many packages by data of that time; `uncovered` packages no source speaks of."""

    distro: str
    packages: int
    as_of: datetime
    sources: tuple[str, ...]
    found: tuple[Vulnerability, ...]
    uncovered: tuple[str, ...] = ()
    baseline: str = ""
    layers: Mapping[str, int] = field(default_factory=dict)

    def of(self, state: State) -> tuple[Vulnerability, ...]:
        """Those that stand so."""
        return tuple(each for each in self.found if each.state is state)
