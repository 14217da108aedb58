"""The pytest plugin that refuses a check which cannot be asked or reported, before anything is built or booted.

pytest itself finds a name that is no fixture when it sets the check up, which is after the boot. Loaded before
`imagekit.checks.plugin`, and after pytest's own ``-k``: a check that nobody asked for is no hindrance.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Generator, Iterator
from difflib import get_close_matches

import pytest

FOLDER = "vm-harness/checks"
FIXTURES = (
    *("host", "root", "facts", "trusted_peer", "untrusted_peer", "network", "peers", "boot_cost", "session"),
    *("house_peer", "strange_peer"),  # earlier names
)
"""What a check may take (`imagekit.checks.plugin`), beside pytest's own."""
_JUDGING = ("run_expect", "run_test", "check_output")
_HARMLESS = ("print", "len", "str", "sorted", "list", "range", "int", "repr")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Raise `pytest.UsageError` with the place of the first check that is wrong, and how many more there are."""
    found = [fault for item in items for fault in faults_of(item)]
    if found:
        more = f" (and {len(found) - 1} more like it)" if len(found) > 1 else ""
        raise pytest.UsageError(found[0] + more)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A file that calls sys.exit() when it is loaded is one that cannot be loaded, and not the end of pytest."""
    try:
        return (yield)
    except SystemExit as error:
        told = f"E   SystemExit: {error.code}: the file calls sys.exit() when it is loaded"
        return pytest.CollectReport(collector.nodeid, "failed", told, [])


def faults_of(item: pytest.Item) -> Iterator[str]:
    """What is wrong with a check, each as ``FILE:LINE: NAME ...``."""
    where = f"{FOLDER}/{item.location[0]}:{(item.location[1] or 0) + 1}: {item.name}"
    doc = (getattr(getattr(item, "function", None), "__doc__", None) or "").strip()
    if not doc or item.get_closest_marker("runbook") is None:
        yield f"{where}: a check needs a docstring (what it proves) and a runbook mark"
    if asks_and_drops(getattr(item, "function", None)):
        yield f"{where} asks the node and asserts nothing, so it can never fail: assert what the answer has to be"
    for name in _unknown(item):
        close = get_close_matches(name, FIXTURES, n=1)
        yield f"{where} takes {name!r}, which no fixture is called; " + (
            f"did you mean {close[0]!r}?" if close else f"there are {', '.join(FIXTURES)}"
        )


def asks_and_drops(function: object) -> bool:
    """Whether a check calls nothing but questions to its fixtures, and neither asserts nor raises anything."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))  # type: ignore[arg-type]  # TypeError is caught
    except (OSError, TypeError, SyntaxError):
        return False
    nodes = list(ast.walk(tree.body[0]))
    calls = [node.func for node in nodes if isinstance(node, ast.Call)]
    judged = any(isinstance(node, ast.Assert | ast.Raise | ast.With | ast.Yield) for node in nodes)
    return bool(calls) and not judged and all(map(_is_question, calls)) and any(map(_fixture_of, calls))


def _is_question(call: ast.expr) -> bool:
    """Not what judges by itself: `run_expect` and `check_output` of testinfra fail, and so may a helper's own name."""
    return (isinstance(call, ast.Name) and call.id in _HARMLESS) or (
        bool(_fixture_of(call)) and isinstance(call, ast.Attribute) and call.attr not in _JUDGING
    )


def _fixture_of(call: ast.expr) -> str:
    while isinstance(call, ast.Attribute | ast.Call):
        call = call.value if isinstance(call, ast.Attribute) else call.func
    return call.id if isinstance(call, ast.Name) and call.id in FIXTURES else ""


def _unknown(item: pytest.Item) -> list[str]:
    known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    given = getattr(getattr(item, "callspec", None), "params", {})
    names = getattr(item, "fixturenames", ())
    return [name for name in names if name != "request" and name not in known and name not in given]
