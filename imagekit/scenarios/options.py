"""What can be asked of the scenarios."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from imagekit.scenarios.model import Scenario
from imagekit.scenarios.table import chosen

DEFAULT_CUTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioOptions:
    """What was asked for: `names` of scenarios (none is all), the start, power cuts, and the seed of what is random.

    With `cold` each scenario boots its node, where else it continues one that was saved after its first boot.
    """

    names: tuple[str, ...] = ()
    upgrade_from: str = ""
    cuts: int = DEFAULT_CUTS
    seed: int | None = None
    cold: bool = False

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """The scenarios; raises `UnknownScenarioError`."""
        return chosen(self.names)

    @property
    def whole(self) -> bool:
        """Whether every scenario is asked for."""
        return len(self.scenarios) == len(chosen(()))

    @property
    def command(self) -> str:
        """The options that ask for the same again."""
        names = "".join(f" --scenario {name}" for name in self.names) or " --lifecycle"
        start = f" --upgrade-from {self.upgrade_from}" if self.upgrade_from else ""
        cuts = f" --cuts {self.cuts}" if self.cuts != DEFAULT_CUTS else ""
        return names + start + cuts + (f" --seed {self.seed}" if self.seed is not None else "")

    def seeded(self) -> ScenarioOptions:
        """The same with a seed, a fresh one when none was given."""
        return self if self.seed is not None else replace(self, seed=secrets.randbelow(1 << 32))
