"""Scalars as a Kairos node reads them: gopkg.in/yaml.v3 v3.0.1, which the agent, immucore and yip of Kairos v4.2 use.

Its rules (resolve.go and decode.go) are neither those of YAML 1.1, which PyYAML follows, nor those of YAML 1.2: ``no``
and ``22:30`` are text, ``0644`` is octal, ``1_000`` is a thousand. So a cloud-config keeps the text that its author
wrote, with its style, and nobody but the node decides what it means.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Any

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
# Only where the field is a bool (decode.go): into text, or into nothing in particular, these stay text.
_YES = ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON")
_NO = ("n", "N", "no", "No", "NO", "off", "Off", "OFF")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WHOLE = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TIME = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:[Tt](\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.\d+)?(?:Z|[-+]\d\d:\d\d)| (\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.\d+)?)?"
)


class Kind(StrEnum):
    """What a scalar is to a reader that expects nothing in particular."""

    NULL = "null"
    BOOL = "bool"
    WHOLE = "whole number"
    FLOAT = "number"
    TIME = "time"
    TEXT = "text"


class Text(str):
    """A scalar as it was written; `style` is PyYAML's: empty for a plain one, else a quote, ``|`` or ``>``."""

    style: str

    def __new__(cls, text: str, style: str = "") -> Text:
        """`text` after the rules of quoting and folding, `style` as it stood in the file."""
        made = super().__new__(cls, text)
        made.style = style
        return made

    def __reduce__(self) -> tuple[type[Text], tuple[str, str]]:
        """Copies and pickles keep the style."""
        return (Text, (str(self), self.style))

    @property
    def plain(self) -> bool:
        """Whether its meaning hangs on what it looks like."""
        return not self.style


def resolved(scalar: Any) -> tuple[Kind, Any]:
    """Kind and value for a reader without a type; two scalars with the same answer are the same to a node."""
    match scalar:
        case Text() if scalar.plain:
            return _resolved(str(scalar))
        case str():
            return Kind.TEXT, str(scalar)
        case bool():
            return Kind.BOOL, scalar
        case int():
            return Kind.WHOLE, scalar
        case float():
            return Kind.FLOAT, scalar
        case None:
            return Kind.NULL, None
        case _:
            return Kind.TEXT, scalar


def is_null(scalar: Any) -> bool:
    """Whether a value is null: a field of any type then keeps its default."""
    return not isinstance(scalar, dict | list) and resolved(scalar)[0] is Kind.NULL


def as_bool(scalar: Any) -> bool | None:
    """The value that a field of type bool gets; None when the node's reader refuses the scalar."""
    kind, value = resolved(scalar)
    if kind is Kind.BOOL:
        return bool(value)
    word = str(value) if kind is Kind.TEXT else ""
    return True if word in _YES else False if word in _NO else None


def as_whole(scalar: Any) -> int | None:
    """The value that a field of an integer type gets; None when it is no whole number."""
    kind, value = resolved(scalar)
    return int(value) if kind is Kind.WHOLE else None


def _resolved(text: str) -> tuple[Kind, Any]:
    if text in _WORDS:
        word = _WORDS[text]
        return (Kind.NULL, None) if word is None else (Kind.BOOL, word)
    if _SPECIAL.fullmatch(text):
        return Kind.FLOAT, text.lower()
    if text[:1] not in "+-.0123456789":
        return Kind.TEXT, text
    if _is_time(text):
        return Kind.TIME, text
    plain = text.replace("_", "")
    whole = _whole(plain)
    if whole is not None:
        return Kind.WHOLE, whole
    return (Kind.FLOAT, float(plain)) if _FLOAT.fullmatch(plain) else (Kind.TEXT, text)


def _whole(plain: str) -> int | None:
    found = _WHOLE.fullmatch(plain)
    if found is None:
        return None
    sign, sixteen, two, eight, ten = found.groups()
    number = next(int(digits, base) for digits, base in ((sixteen, 16), (two, 2), (eight, 8), (ten, 10)) if digits)
    value = -number if sign == "-" else number
    return value if -(2**63) <= value < 2**64 else None


def _is_time(text: str) -> bool:
    found = _TIME.fullmatch(text)
    if found is None:
        return False
    try:
        datetime(*(int(part) for part in found.groups() if part is not None))  # type: ignore[arg-type]
    except ValueError:
        return False
    return True
