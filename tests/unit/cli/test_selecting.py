"""Which checks, and which suites with fixtures, the options of `test` and `run` ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.checks.selection import Selection
from imagekit.checks.suites import UnknownSuiteError
from imagekit.cli.app import App
from imagekit.cli.selecting import apart, selected, suites_beside

ROOT = Path(__file__).parents[3]


@pytest.fixture
def app() -> App:
    """This repository's own project."""
    return App(root=ROOT)


def test_suites_with_fixtures_are_taken_apart(app: App) -> None:
    asked = selected(app, "debian-node", "", False, False, ["ad,sssd", "ca"])
    selection, suites = apart(app, "debian-node", asked)
    assert selection.suites == ("sssd",)
    assert [suite.name for suite in suites] == ["ad", "ca"]


def test_nothing_asked_is_nothing_apart(app: App) -> None:
    assert apart(app, "debian-node", Selection(expression="ssh")) == (Selection(expression="ssh"), ())


@pytest.mark.parametrize("names", [["add"], ["ad,"], [""]])
def test_beside_a_whole_run_an_unknown_suite_is_an_error(app: App, names: list[str]) -> None:
    with pytest.raises(UnknownSuiteError):
        suites_beside(app, "debian-node", names)


def test_beside_a_whole_run_each_once(app: App) -> None:
    assert [suite.name for suite in suites_beside(app, "debian-node", ["ca,ad", "ca"])] == ["ca", "ad"]
    assert suites_beside(app, "debian-node", []) == ()


def test_a_whole_run_has_the_suites_of_its_layers_anyway(app: App) -> None:
    """So that `run` takes the list that `test` takes."""
    asked = suites_beside(app, "debian-node", ["ad,ca,network,k0s,hardening"])
    assert [suite.name for suite in asked] == ["ad", "ca", "network"]
