"""What a boot cost, beside the image's budget and the last good run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from imagekit.app import bootcost
from imagekit.app.bootcost import boot_cost, units_of
from imagekit.app.interface import Subject
from imagekit.config.imagesfile import BootBudget
from imagekit.config.load import load_project
from imagekit.machine.interface import Accelerator, BootPath
from imagekit.report.result import BootChart, BootUnit
from tests.support.histories import result
from tests.support.images import BOOT, a_build
from tests.support.project import make_project

CHART = BootChart(
    kernel=2.0,
    initrd=0.0,
    userspace=2.0,
    finished=9.0,
    unit_count=3,
    units=(
        BootUnit(name="ssh.service", started=1.0, active=2.0, cpu=0.5),
        BootUnit(name="dev.mount", started=1.0, active=2.0),
    ),
)


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    project = load_project(make_project(tmp_path / "project"))
    return Subject(project=project, name="small-node", image=a_build(tmp_path), run_id="t", folder=tmp_path)


def with_budget(subject: Subject, budget: BootBudget) -> Subject:
    spec = subject.spec.model_copy(update={"vm": subject.spec.vm.model_copy(update={"boot_budget": budget})})
    images = {**subject.project.images, "small-node": spec}
    return replace(subject, project=replace(subject.project, images=images))


@pytest.mark.parametrize(("accelerator", "budget"), [(Accelerator.TCG, 60.0), (Accelerator.KVM, 5.0)])
def test_the_budget_is_that_of_the_accelerator(subject: Subject, accelerator: Accelerator, budget: float) -> None:
    allowed = with_budget(subject, BootBudget(tcg=60.0, kvm=5.0))
    boot = replace(BOOT, accelerator=accelerator, cpu_seconds=40.0, speed=0.5)
    found = boot_cost(allowed, boot, CHART)
    assert (found.budget, found.cpu_seconds) == (budget, 40.0)
    assert found.units == {"ssh.service": 0.5}


def test_without_a_declaration_any_cost_will_do(subject: Subject) -> None:
    found = boot_cost(subject, BOOT, CHART)
    assert (found.budget, found.over, found.since) == (None, "", "")


def test_the_last_good_run_is_compared_on_its_own_boot_path(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    good = replace(result(datetime(2026, 11, 28, tzinfo=UTC)), chart=CHART, boot=BOOT)
    monkeypatch.setattr(bootcost, "last_good", lambda *_: good)
    found = boot_cost(subject, BOOT, CHART)
    assert (found.before, found.since) == ({"ssh.service": 0.5}, good.run_id)
    other = next(path for path in BootPath if path is not BOOT.boot_path)
    assert units_of(good, other) == {}
    elsewhere = boot_cost(subject, replace(BOOT, boot_path=other), CHART)
    assert (elsewhere.before, elsewhere.since) == ({}, "")
