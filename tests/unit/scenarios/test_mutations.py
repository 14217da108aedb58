"""Every defect still fits the stand-in's source, and names a scenario."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.scenarios.table import SCENARIOS
from tests.e2e.mutant import STANDIN, changed
from tests.e2e.mutations import MUTATIONS, Mutation

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_defect_fits_its_source(mutation: Mutation) -> None:
    assert mutation.scenario in {scenario.name for scenario in SCENARIOS}
    for change in mutation.changes:
        text = (ROOT / STANDIN / change.where / change.file).read_text()
        assert changed(text, change) != text


def test_there_are_enough_of_them() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 10
