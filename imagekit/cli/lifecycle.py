"""The options of `imagekit test` and `imagekit run` about lifecycle scenarios."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypedDict

import click

if TYPE_CHECKING:
    from imagekit.scenarios.options import ScenarioOptions


class LifecycleWords(TypedDict):
    """What the options bring."""

    lifecycle: bool
    scenario: tuple[str, ...]
    list_scenarios: bool
    upgrade_from: str | None
    cuts: int | None
    seed: int | None


_OPTIONS = (
    click.option("--lifecycle", is_flag=True, help="Run all lifecycle scenarios after the checks."),
    click.option("--scenario", multiple=True, metavar="NAME", help="Run this scenario alone; may be repeated."),
    click.option("--list-scenarios", is_flag=True, help="Show name, budget and promise of every scenario, and end."),
    click.option(
        "--upgrade-from", metavar="REF", help="The published image to start from; default: what a channel points at."
    ),
    click.option("--cuts", type=click.IntRange(1, 10_000), help="Power cuts of scenario power-cuts (default: 10)."),
    click.option("--seed", type=click.IntRange(0), help="Make what is random come out as in the run that showed it."),
)


def lifecycle_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def scenario_options(words: LifecycleWords) -> ScenarioOptions | None:
    """What was asked for; None when nothing was.

    Raises `UsageError` for options that have no scenario to act on, `UnknownScenarioError` for a name that is none.
    """
    from imagekit.scenarios.options import DEFAULT_CUTS, ScenarioOptions
    from imagekit.scenarios.table import chosen

    if not words["lifecycle"] and not words["scenario"]:
        for name in ("upgrade_from", "cuts", "seed"):
            if words.get(name) is not None:
                raise click.UsageError(f"--{name.replace('_', '-')} goes with --lifecycle or --scenario")
        return None
    chosen(words["scenario"])
    return ScenarioOptions(
        names=() if words["lifecycle"] else words["scenario"],
        upgrade_from=words["upgrade_from"] or "",
        cuts=words["cuts"] or DEFAULT_CUTS,
        seed=words["seed"],
    )
