"""Every defect still fits the stand-in's source, and names a scenario."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imagekit.config.load import load_project
from imagekit.plan.resolve import make_plan
from imagekit.scenarios.table import SCENARIOS
from tests.e2e.mutant import STANDIN, build_options, changed
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


def test_the_program_is_built_with_all_that_its_dockerfile_asks_for(tmp_path: Path) -> None:
    """A build that lacked one of them is how every defect of a night ended."""
    text = (ROOT / STANDIN / "Dockerfile").read_text()
    stages = set(re.findall(r"^FROM .* AS (\S+)", text, re.MULTILINE))
    asked = {f"--build-arg={name}" for name in re.findall(r"^ARG (\w+)$", text, re.MULTILINE)}
    asked |= {f"--build-context={name}" for name in re.findall(r"from=(\w+)", text) if name not in stages}
    plan = make_plan(load_project(ROOT), "debian-node")
    given = {option.rpartition("=")[0] for option in build_options(plan, tmp_path)}
    assert asked == given == {"--build-arg=PACKAGES", "--build-context=packages"}
