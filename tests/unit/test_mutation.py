"""What a mutation run is about: every module of trust, release and app, with tests that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.mutation import TESTS, main, modules, where_tested

ROOT = Path(__file__).parents[2]


def test_every_deciding_module_is_mutated() -> None:
    assert {"imagekit/trust/gate/evaluate.py", "imagekit/release/publish.py", "imagekit/app/stages.py"} <= {*modules()}


@pytest.mark.parametrize("module", modules())
def test_its_tests_are_there(module: str) -> None:
    assert all((ROOT / each).exists() for each in where_tested(module))


def test_no_row_is_about_nothing() -> None:
    assert set(TESTS) <= set(modules())


def test_a_module_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["imagekit/nowhere.py"]) == 2
    assert "imagekit/nowhere.py: no such file" in capsys.readouterr().err
