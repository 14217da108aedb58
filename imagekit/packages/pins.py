"""Which locked versions hold while others move, and what apt's preferences say of it (pure)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from imagekit.config.packagelock import LockedPackage

# " libssl3t64 : Depends: libc6 (>= 2.42) but 2.41-12 is to be installed", and "but it is not going to be installed"
_UNMET = re.compile(
    r"^ (?P<name>[^ :]+)(?::\S+)? : (?:Pre)?-?Depends: (?P<needs>[^ :]+)|^ +(?:Pre)?-?Depends: (?P<more>[^ :]+)", re.M
)


class Freed:
    """The packages of an earlier lock; those that turn out to hold others back are let go, one source at a time."""

    def __init__(self, packages: Iterable[LockedPackage]) -> None:
        self._held = {each.name: each for each in packages}

    def pinned(self) -> tuple[LockedPackage, ...]:
        """Those that hold."""
        return tuple(self._held.values())

    def also(self, names: Collection[str]) -> bool:
        """Let packages of these names go, with what was built from the same source; False when none of them held."""
        places = {_place(self._held[name]) for name in names if name in self._held}
        gone = [name for name, each in self._held.items() if name in names or _place(each) in places]
        for name in gone:
            del self._held[name]
        return bool(gone)


def freed_names(packages: Sequence[LockedPackage], wanted: Collection[str]) -> frozenset[str]:
    """The wanted packages and those of the same source: they are released together, and need each other's version."""
    places = {_place(each) for each in packages if each.name in wanted}
    return frozenset(each.name for each in packages if each.name in wanted or _place(each) in places)


def stuck_sources(reported: str) -> frozenset[str]:
    """Names of packages that apt says stand in each other's way."""
    return frozenset(name for found in _UNMET.finditer(reported) for name in found.groups() if name)


def pins_text(packages: Iterable[LockedPackage]) -> str:
    """apt_preferences(5): above 1000 a version counts even where a newer one is known."""
    return "".join(f"Package: {each.name}\nPin: version {each.version}\nPin-Priority: 1001\n\n" for each in packages)


def _place(package: LockedPackage) -> str:
    """The folder of a package in the archive is that of its source: pool/main/o/openssl."""
    folder = package.path.rpartition("/")[0]
    return folder if folder.count("/") >= 2 else package.name
