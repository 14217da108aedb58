"""Every state that a roll commits passes the check of manifests, as what is rendered does."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.provision.check.check import check_tree
from imagekit.provision.check.reading import read_tree
from imagekit.provision.check.store import Schemas
from imagekit.provision.write import write_tree
from tests.unit.provision.check.test_rendered import OPTIONAL
from tests.unit.provision.roll.test_roll import SATURDAY, World


@pytest.mark.parametrize("cluster", ["tdc", "risk", "tools", "core"])
def test_no_wave_commits_an_error(cluster: str, schemas: Schemas, tmp_path: Path) -> None:
    world = World(now=SATURDAY.replace(hour=20, minute=30) if cluster == "risk" else SATURDAY)
    world.roll(cluster)
    for number, (_, tree) in enumerate([*world.commits[:3], world.commits[-1]], start=1):
        write_tree(tmp_path, tree)
        report = check_tree(read_tree([tmp_path]), schemas)
        wrong = [each for each in report.findings if each.rule.level == "error" and OPTIONAL not in each.message]
        assert wrong == [], f"wave {number}"
