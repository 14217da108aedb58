"""Two checkouts of one project on one machine, each with its own engine and registry, through a whole run at a time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from imagekit.app import servicecontrol as control
from imagekit.base.process import Completed, run
from imagekit.config.load import load_project
from imagekit.machine.folder import machines_folder
from tests.e2e.conftest import IMAGE, ROOT, Clone, last_result

pytestmark = [pytest.mark.vm, pytest.mark.registry, pytest.mark.online, pytest.mark.nightly(minutes=9)]


@pytest.fixture
def checkouts(tmp_path: Path) -> Iterator[tuple[Clone, Clone]]:
    """Two clones as people make them: no line of their settings keeps them apart."""
    first, second = (Clone(tmp_path / name / "project", "") for name in ("one", "two"))
    for each in (first, second):
        run(["git", "clone", "-q", str(ROOT), str(each.root)], timeout=120)
    try:
        yield first, second
    finally:
        for each in (first, second):
            address = load_project(each.root).registry
            control.down(each.work, address, (control.Service.ENGINE, control.Service.REGISTRY))


def test_two_checkouts_build_boot_and_publish_at_the_same_time(checkouts: tuple[Clone, Clone]) -> None:
    def whole(clone: Clone) -> Completed:
        return clone.imagekit("run", IMAGE)

    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(whole, checkouts))
    results = [last_result(each) for each in checkouts]
    for done, result in zip(ended, results, strict=True):
        assert (done.returncode, result["verdict"]) == (0, "passed"), done.stdout + done.stderr[-6000:]
    # They were under way together, and none of them had the other's image, machine or registry.
    begun = [datetime.fromisoformat(each["started"]).timestamp() for each in results]
    assert abs(begun[0] - begun[1]) < min(each["seconds"] for each in results) / 2
    assert len({each["release"]["reference"].partition("/")[0] for each in results}) == 2
    for clone, result in zip(checkouts, results, strict=True):
        assert clone.imagekit("verify", result["release"]["reference"]).returncode == 0
        assert not list(machines_folder(clone.work).iterdir())
    assert results[0]["digest"] == results[1]["digest"], "one commit, two folders"
