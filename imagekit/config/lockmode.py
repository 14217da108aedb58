"""Whether images are made of what is locked and of nothing else: the command line, else the environment decides."""

from __future__ import annotations

from collections.abc import Mapping

from imagekit.base.errors import ConfigError

VARIABLE = "IMAGEKIT_LOCKED"
_WORDS = {"yes": True, "no": False}


def is_locked(choice: bool | None, environ: Mapping[str, str]) -> bool:
    """`choice` of the command line, else ``IMAGEKIT_LOCKED`` (yes, no), else whether this is CI (``CI=true``).

    Raises `ConfigError` for another word in the variable.
    """
    if choice is not None:
        return choice
    said = environ.get(VARIABLE, "")
    if said and said not in _WORDS:
        raise ConfigError(
            f"{VARIABLE}={said}: it is neither yes nor no", hint=f"Unset it, or set {VARIABLE}=yes or no."
        )
    return _WORDS.get(said, environ.get("CI", "").lower() in ("true", "1"))
