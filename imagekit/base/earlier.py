"""Words of earlier releases and what they are called today.

Evidence that was signed under the old words is read for as long as it counts; files and command lines of users may keep
them for one release more. Nothing here is written any more.
"""

from __future__ import annotations

_BOOT_PATHS = {"fast": "direct"}


def boot_path_today(word: object) -> object:
    """The present name of a boot path; anything else comes back as it is."""
    return _BOOT_PATHS.get(word, word) if isinstance(word, str) else word


def check_id_today(check: str) -> str:
    """A check's id or a pattern of ids with today's boot path: ``fast:base/...`` is ``direct:base/...``."""
    before, colon, rest = check.partition(":")
    return f"{_BOOT_PATHS[before]}:{rest}" if colon and before in _BOOT_PATHS and not rest.startswith(":") else check


def renamed(fields: object, old: str, new: str) -> object:
    """A mapping with the value of key `old` under `new`; raises `ValueError` when it has both."""
    if not isinstance(fields, dict) or old not in fields:
        return fields
    if new in fields:
        raise ValueError(f"{old} is the earlier name of {new}; give one of them")
    return {new if key == old else key: value for key, value in fields.items()}
