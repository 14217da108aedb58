"""Every fault of the table still fits the code, and names a test that is there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.faults import FAULTS, Fault

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_fits_the_code(fault: Fault) -> None:
    assert (ROOT / fault.file).read_text().count(fault.old) == 1, f"{fault.file} has changed: plant it anew"
    assert fault.old != fault.new
    path, _, name = fault.test.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    assert not name or name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_there_are_enough_of_them() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 23
