"""The grammar of IRIs is built when the first IRI is judged, not when jsonschema is imported."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

_NAME = "rfc3987_syntax"  # comes with cyclonedx-python-lib[json-validation]; a second of processor in each process


def build_late() -> None:
    """Put something in the grammar's place that brings the grammar itself with its first question."""
    if _NAME in sys.modules or importlib.util.find_spec(_NAME) is None:
        return
    late = ModuleType(_NAME)
    late.is_valid_syntax = _judged  # type: ignore[attr-defined]
    sys.modules[_NAME] = late


def _judged(rule: str, text: str) -> bool:
    if not hasattr(sys.modules[_NAME], "__path__"):
        del sys.modules[_NAME]
    return bool(importlib.import_module(_NAME).is_valid_syntax(rule, text))
