"""Paths and link targets as a layer may have them."""

from __future__ import annotations

from imagekit.oci.errors import ImageContentError

_DEEPEST = 256
_LONGEST_PATH, _LONGEST_NAME = 4095, 255  # bytes; PATH_MAX and NAME_MAX


def safe_path(name: str) -> str:
    """The path as a layer may name it, without leading and trailing slashes; `..` and control bytes are refused."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in name:
        raise ImageContentError(
            f"a layer holds the path {name[:200]!a}, which leads out of the image", hint="Do not use this image."
        )
    if len(parts) > _DEEPEST:
        raise ImageContentError(f"a layer holds a path of {len(parts)} folders, {_DEEPEST} are allowed")
    if _length(name) > _LONGEST_PATH or any(len(part) > 63 and _length(part) > _LONGEST_NAME for part in parts):
        raise ImageContentError(f"a layer holds a path that is too long for Linux: {name[:200]!a}")
    return "/".join(parts)


def link_target(name: str, target: str) -> str:
    """Where a symbolic link leads, anywhere, if Linux can hold it."""
    if not target or _length(target) > _LONGEST_PATH:
        raise ImageContentError(f"a layer holds the symbolic link {name[:200]!a} to nothing, or too far")
    return target


def _length(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


def decoded(data: bytes) -> str:
    """A text of a header; bytes that are no UTF-8 come back as they were."""
    return data.decode("utf-8", "surrogateescape")
