"""The modules of the client know one another in one direction; imports for types alone count too."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import imagekit.registry

FOLDER = Path(imagekit.registry.__file__).parent
PACKAGE = "imagekit.registry."


def imported(source: str) -> set[str]:
    """Modules of the package that a source imports, wherever in it."""
    names = [node.module or "" for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    return {name.removeprefix(PACKAGE) for name in names if name.startswith(PACKAGE)}


def order(graph: dict[str, set[str]]) -> list[str]:
    """The modules, each after what it imports; raises `CycleError`."""
    return list(TopologicalSorter(graph).static_order())


def test_there_is_no_circle() -> None:
    graph = {path.stem: imported(path.read_text()) for path in FOLDER.glob("*.py")}
    assert graph["transport"] >= {"answer", "auth", "connections"}
    found = order(graph)
    assert found.index("answer") < found.index("transport") < found.index("client")


def test_a_circle_is_seen() -> None:
    source = "if TYPE_CHECKING:\n    from imagekit.registry.transport import Transport\n"
    with pytest.raises(CycleError):
        order({"answer": imported(source), "transport": {"answer"}})
