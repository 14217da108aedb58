"""Checks run in processes that are forked from a preloaded Python; tests/unit/app and what boots take a fresh one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from imagekit.checks import checkprocess
from imagekit.checks.contract import suite
from tests.support.preloaded import preloaded_python


@pytest.fixture(scope="session")
def preloaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The program that stands for Python."""
    with preloaded_python(tmp_path_factory.mktemp("preloaded")) as program:
        yield program


@pytest.fixture(autouse=True, scope="package")
def _started_from_there(preloaded: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (checkprocess, suite):
            patch.setattr(module, "sys", SimpleNamespace(executable=str(preloaded)))
        yield
