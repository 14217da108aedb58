"""All scenarios in the order of the table, and the table of them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from imagekit.scenarios.errors import UnknownScenarioError
from imagekit.scenarios.library import broken, faults, install, power, recovery, trust, upgrade
from imagekit.scenarios.model import Scenario

SCENARIOS: tuple[Scenario, ...] = (
    *install.SCENARIOS,
    *upgrade.SCENARIOS,
    *broken.SCENARIOS,
    *recovery.SCENARIOS,
    *faults.SCENARIOS,
    *trust.SCENARIOS,
    *power.SCENARIOS,
)


def chosen(names: Sequence[str]) -> tuple[Scenario, ...]:
    """The named scenarios in the order of the table, each once; without names all. Raises `UnknownScenarioError`."""
    known = {scenario.name: scenario for scenario in SCENARIOS}
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            raise UnknownScenarioError(
                f"no scenario {name!r}",
                hint=f"Did you mean {close[0]!r}?" if close else "`imagekit test --list-scenarios` shows all.",
            )
    return tuple(scenario for scenario in SCENARIOS if not names or scenario.name in names)


def listing() -> str:
    """Name, budget and promise of every scenario, for a terminal."""
    wide = max(len(scenario.name) for scenario in SCENARIOS)
    return "\n".join(f"{each.name:<{wide}}  {_budget(each):>22}  {each.promise}" for each in SCENARIOS)


def markdown() -> str:
    """The same as a table for the documentation."""
    rows = [f"| `{each.name}` | {_budget(each)} | {each.promise} |" for each in SCENARIOS]
    return "\n".join(["| scenario | budget | promise |", "|---|---|---|", *rows])


def _budget(scenario: Scenario) -> str:
    more = f" + {scenario.each_cut:.0f} s a cut" if scenario.each_cut else ""
    return f"{scenario.budget:.0f} s{more}"
