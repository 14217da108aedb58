"""The values of a cloud-config as yip 1.25.1 reads them, which is the reader of Kairos v4.2.

Any scalar is text, a number needs no quotes, null is a key that is not given. A value of a wrong type makes the node
drop a whole file, or all of its stages.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from imagekit.config.goyaml import Text, as_bool, as_whole, is_null

ENCODINGS = ("b64", "base64", "gz", "gzip", "gz+base64", "gzip+base64", "gz+b64", "gzip+b64")
_OCTAL = re.compile(r"[0-7]{3,4}")
_MODE_MASK = 0o7777


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        raise ValueError(f"must be text, not a {'mapping' if isinstance(value, dict) else 'list'}")
    return "" if is_null(value) else str(value)


def _flag(value: Any) -> bool:
    found = None if isinstance(value, dict | list) else as_bool(value)
    if found is None:
        raise ValueError("must be true or false, without quotes")
    return found


def _whole(value: Any) -> int:
    found = None if isinstance(value, dict | list) else as_whole(value)
    if found is None:
        raise ValueError("must be a whole number, without quotes")
    return found


def _size(value: Any) -> int:
    if (found := _whole(value)) < 0:
        raise ValueError("must not be negative")
    return found


def _mode(value: Any) -> int:
    """A step has its permissions as a number, so the leading zero of an octal one counts."""
    found = _size(value)
    written = str(value) if isinstance(value, Text) else ""
    if _OCTAL.fullmatch(written) and written[0] != "0" and found > 0o777:
        raise ValueError(f"is read as a decimal number, {found:#o}. Did you mean 0{written}?")
    if found > _MODE_MASK:
        raise ValueError("must be permissions, at most 07777")
    return found


def _octal_text(value: Any) -> str:
    text = _text(value)
    if text and not re.fullmatch(r"0?[0-7]{3,4}", text):
        raise ValueError("must be octal digits such as '0644'")
    return text


def listed(value: Any) -> Any:
    """A list without empty items; null is an empty one."""
    if is_null(value):
        return ()
    if not isinstance(value, list):
        raise ValueError("must be a list")
    for number, item in enumerate(value, 1):
        if is_null(item):
            raise ValueError(f"item {number} is empty, and the node leaves it out")
    return value


def mapped(value: Any) -> Any:
    """A mapping; null is an empty one."""
    if is_null(value):
        return {}
    if not isinstance(value, dict):
        raise ValueError("must be a mapping")
    return value


def _encoding(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


Words = Annotated[str, BeforeValidator(_text)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Whole = Annotated[int, BeforeValidator(_whole)]
Size = Annotated[int, BeforeValidator(_size)]
Mode = Annotated[int, BeforeValidator(_mode)]
OctalText = Annotated[str, BeforeValidator(_octal_text)]
Encoding = Annotated[Literal["", *ENCODINGS], BeforeValidator(_encoding)]  # type: ignore[valid-type]
Texts = Annotated[tuple[Words, ...], BeforeValidator(listed)]
Pairs = Annotated[dict[str, Words], BeforeValidator(mapped)]
Lists = Annotated[dict[str, Texts], BeforeValidator(mapped)]


class Part(BaseModel):
    """A mapping of a cloud-config; a key whose value is null counts as not given."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return {} if is_null(data) else data
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {str(key): value for key, value in data.items() if key not in known or not is_null(value)}
