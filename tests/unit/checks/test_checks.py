"""The real check files, collected without a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.checks.lint import Offer, lint
from imagekit.checks.request import Suites
from imagekit.checks.runner import collect_checks
from imagekit.checks.session import CheckMeta
from imagekit.machine.interface import DISKLESS, BootPath, VmShape

ROOT = Path(__file__).resolve().parents[3]
LAYERS = ("base", "k0s", "sssd", "ca-trust")


@pytest.fixture(scope="module", params=DISKLESS)
def collected(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[CheckMeta, ...]:
    suites = Suites(
        checks_root=ROOT / "vm-harness/checks", images_root=ROOT / "images", out=tmp_path_factory.mktemp("out")
    )
    return collect_checks(LAYERS, suites, boot_path=request.param)


def test_there_are_enough(collected: tuple[CheckMeta, ...]) -> None:
    assert len(collected) >= 65
    assert {check.layer for check in collected} == set(LAYERS)


def test_every_runbook_page_is_there(collected: tuple[CheckMeta, ...]) -> None:
    wanted = {check.runbook for check in collected} | {"harness"}
    there = {path.stem for path in (ROOT / "docs/runbook").glob("*.md")}
    assert wanted <= there


def test_no_two_checks_have_one_name(collected: tuple[CheckMeta, ...]) -> None:
    assert len({check.id for check in collected}) == len(collected)


def test_the_default_machine_is_enough(collected: tuple[CheckMeta, ...]) -> None:
    assert lint(collected, Offer(shape=VmShape(), boot_path=BootPath.DIRECT)) == ()
