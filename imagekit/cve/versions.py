"""Versions of packages, compared by the rules of the packages' own manager and never as text.

univers holds both rules: dpkg's (https://www.debian.org/doc/debian-policy/ch-controlfields.html#version) and rpm's
(rpmvercmp). tests/integration/cve holds them against the programs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any


def compare(kind: str, a: str, b: str) -> int:
    """Negative, 0 or positive, as `a` is earlier than, equal to or later than `b`; `kind` is ``deb`` or ``rpm``.

    Raises `ValueError` for what is no version of that kind.
    """
    one, other = _parsed(kind, a), _parsed(kind, b)
    return int(one > other) - int(one < other)


@lru_cache(maxsize=1 << 16)
def _parsed(kind: str, text: str) -> Any:
    if not text or not text.isascii() or any(character.isspace() for character in text):
        raise ValueError(f"no version: {text!r}")
    match kind:
        case "deb":
            from univers.debian import Version

            return Version.from_string(text)  # type: ignore[no-untyped-call]
        case "rpm":
            from univers.rpm import RpmVersion

            return RpmVersion.from_string(text)  # type: ignore[no-untyped-call]
    raise ValueError(f"no versions of {kind!r} packages are known")
