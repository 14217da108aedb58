"""Scalars as Kubernetes reads them: sigs.k8s.io/yaml, which follows the words of YAML 1.1 where yaml.v3 does not.

``On``, ``yes`` and ``n`` are booleans to it; so `powerState: On` is no text, and the API server refuses it.
"""

from __future__ import annotations

from typing import Any

from imagekit.config.goyaml import Kind, Text, resolved

_YES = frozenset(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"))
_NO = frozenset(("n", "N", "no", "No", "NO", "off", "Off", "OFF"))
BOOL_WORDS = _YES | _NO


def value_of(text: str, *, plain: bool) -> Any:
    """The JSON value of a scalar: text, bool, int, float or None; a time stays text."""
    if not plain:
        return text
    if text in BOOL_WORDS:
        return text in _YES
    kind, value = resolved(Text(text))
    match kind:
        case Kind.NULL:
            return None
        case Kind.BOOL | Kind.WHOLE:
            return value
        case Kind.FLOAT:
            return value if isinstance(value, float) else text  # .inf and .nan are no JSON
        case Kind.TIME | Kind.TEXT:
            return text
