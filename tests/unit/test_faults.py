"""Each planted fault still has its place in the code, and its test is there; the night shows that it is caught."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.faults import FAULTS, Fault

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_has_its_place(fault: Fault) -> None:
    assert fault.old in (ROOT / fault.file).read_text(), f"{fault.file} has changed: plant it anew"
    path, _, name = fault.test.partition("::")
    wanted = f"def {name.partition('[')[0]}(" if name else "def test_"  # without a name any test of the file catches it
    assert wanted in (ROOT / path).read_text()
