"""Every check called with facts in hand, in this process; the tables of tests/conformance are walked as pytest does."""

from __future__ import annotations

import importlib
import inspect
import itertools
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from imagekit.checks.contract.facts import ImageFacts, NodeFacts
from imagekit.checks.contract.model import Phase
from tests.unit.checks.contract import sample

FOLDER = Path(__file__).parents[3] / "conformance"
Facts = dict[Phase, ImageFacts | NodeFacts]


def good() -> Facts:
    """The facts of a node that keeps every promise."""
    return dict(_good())


@cache
def _good() -> Facts:
    return {phase: getattr(sample, phase.value)() for phase in Phase}


@cache
def cases() -> tuple[tuple[str, Callable[..., None], dict[str, Any]], ...]:
    """Id, function and own parameters of every run of a check."""
    return tuple(_cases())


def _cases() -> Iterator[tuple[str, Callable[..., None], dict[str, Any]]]:
    for path in sorted(FOLDER.glob("test_*.py")):
        module = importlib.import_module(f"tests.conformance.{path.stem}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("test_") and function.__module__ == module.__name__:
                short = f"{path.stem}/{name}".replace("test_", "")
                for words, values in _parameters(function):
                    yield short + (f"[{'-'.join(words)}]" if words else ""), function, values


def failing(facts: Facts, *, among: Facts | None = None) -> set[str]:
    """The ids of the checks that do not hold for these facts, of those that ask for facts other than `among`."""
    return {name for name, function, values in cases() if not _holds(function, values, facts, among or {})}


def _holds(function: Callable[..., None], values: dict[str, Any], facts: Facts, same: Facts) -> bool:
    wanted = {name: facts[Phase(name)] for name in inspect.signature(function).parameters if name not in values}
    if all(same.get(Phase(name)) is found for name, found in wanted.items()):
        return True
    try:
        function(**wanted, **values)
    except (AssertionError, LookupError):
        return False
    return True


def _parameters(function: Callable[..., None]) -> Iterator[tuple[list[str], dict[str, Any]]]:
    marks = [mark for mark in getattr(function, "pytestmark", []) if mark.name == "parametrize"]
    tables = [[_row(mark, row) for row in mark.args[1]] for mark in marks]
    for rows in itertools.product(*tables):
        values = {name: value for row in rows for name, value in row.items()}
        yield [str(value) for value in values.values()], values


def _row(mark: pytest.Mark, row: Any) -> dict[str, Any]:
    names = [name.strip() for name in mark.args[0].split(",")] if isinstance(mark.args[0], str) else list(mark.args[0])
    return dict(zip(names, row if len(names) > 1 else [row], strict=True))
