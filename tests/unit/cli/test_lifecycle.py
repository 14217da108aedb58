"""The options about lifecycle scenarios, as far as they answer without a machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from imagekit.base.errors import ConfigError
from imagekit.cli import cli
from imagekit.cli.lifecycle import LifecycleWords, scenario_options
from imagekit.scenarios.table import SCENARIOS
from tests.support.project import make_project

NOTHING: LifecycleWords = {
    "lifecycle": False,
    "scenario": (),
    "list_scenarios": False,
    "upgrade_from": None,
    "cuts": None,
    "seed": None,
}


def test_the_list_names_every_scenario_and_needs_no_project(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["--project", str(tmp_path), "test", "--list-scenarios"])
    assert done.exit_code == 0
    assert [line.split()[0] for line in done.output.splitlines()] == [scenario.name for scenario in SCENARIOS]


@pytest.mark.parametrize("option", [["--cuts", "5"], ["--seed", "1"], ["--upgrade-from", "a/b:c"]])
def test_options_without_a_scenario_are_wrong_usage(tmp_path: Path, option: list[str]) -> None:
    done = CliRunner().invoke(cli, ["--project", str(make_project(tmp_path)), "test", *option])
    assert done.exit_code == 2
    assert "goes with --lifecycle or --scenario" in done.output


def test_without_a_asked_there_is_none() -> None:
    assert scenario_options(NOTHING) is None


def test_a_asked_says_how_to_ask_for_the_same_again() -> None:
    asked = scenario_options({**NOTHING, "scenario": ("reset",), "cuts": 100, "seed": 3, "upgrade_from": "a/b:c"})
    assert asked is not None
    assert asked.command == " --scenario reset --upgrade-from a/b:c --cuts 100 --seed 3"
    assert not asked.whole
    everything = scenario_options({**NOTHING, "lifecycle": True, "scenario": ("reset",)})
    assert everything is not None
    assert everything.whole
    assert everything.command == " --lifecycle"


def test_an_unknown_scenario_is_named_before_anything_is_built() -> None:
    with pytest.raises(ConfigError, match="resett"):
        scenario_options({**NOTHING, "scenario": ("resett",)})
