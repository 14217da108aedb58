"""A result with every text in it fit to be shown; guests, tools, registries and git wrote many of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import TypeVar

from imagekit.base.text import redacted, stripped

T = TypeVar("T")


def cleaned(value: T) -> T:
    """The same frozen data, with `stripped` and `redacted` texts; what a view, or XML, cannot hold is left out."""
    made: object = value
    if isinstance(value, Enum):
        pass
    elif isinstance(value, str):
        made = redacted(stripped(value))
    elif isinstance(value, tuple) and hasattr(value, "_make"):  # a named tuple takes its fields one by one
        made = value._make(cleaned(each) for each in value)
    elif isinstance(value, tuple | list):
        made = type(value)(cleaned(each) for each in value)
    elif isinstance(value, Mapping):
        made = {cleaned(key): cleaned(each) for key, each in value.items()}
    elif is_dataclass(value) and not isinstance(value, type):
        made = replace(value, **{each.name: cleaned(getattr(value, each.name)) for each in fields(value) if each.init})
    return made  # type: ignore[return-value]  # of the type that came in
