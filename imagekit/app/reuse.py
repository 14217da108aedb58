"""What passed before of a digest and still counts, for a run that would do it again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from imagekit.app.interface import Backend, BootPathResult, Subject
from imagekit.app.kept import KeptBootPath, KeptScenario, Results, boot_path_id, dependencies, scenario_id
from imagekit.app.muting import mutes_in_force
from imagekit.app.outcome import BootPathTest, ScenarioTest, Tested
from imagekit.checks.outcome import SuiteResult
from imagekit.checks.scenario import ScenarioResult
from imagekit.machine.interface import BootPath, Start
from imagekit.oci.reference import Digest
from imagekit.scenarios.model import Scenario
from imagekit.scenarios.options import ScenarioOptions


class Reuse:
    """The kept results of one image; what is new is kept through it, too. With `cold` those of forks do not count."""

    def __init__(self, backend: Backend, subject: Subject, *, cold: bool = False) -> None:
        self._backend, self._subject, self._cold = backend, subject, cold
        self._results = Results(subject.project.work)
        self._inputs = dependencies(subject.project, subject.name, subject.image.digest)

    def boot_paths(self, asked: Sequence[BootPath]) -> dict[BootPath, BootPathTest]:
        """The boot paths among these that passed."""
        kept = {boot_path: self._results.boot_path(boot_path_id(self._inputs, boot_path)) for boot_path in asked}
        return {
            boot_path: BootPathTest(found.boot_path, found.tested, found.run_id, reused=True)
            for boot_path, found in kept.items()
            if found is not None and self._counts(found.tested) and self._still_warns(found.boot_path.suites)
            if not self._cold or found.boot_path.boot.start is Start.COLD
        }

    def _still_warns(self, suites: SuiteResult) -> bool:
        """Whether all that did not pass may only warn today too: a mark's day may be over, a mute taken back."""
        muted = {each.check for each in mutes_in_force(self._subject.project)}
        today = self._backend.now().date().isoformat()
        return all(check.id in muted if check.muted_by else today < check.expires for check in suites.warnings)

    def scenarios(self, options: ScenarioOptions) -> dict[str, ScenarioTest]:
        """The scenarios among these that passed from the start that they would have now; none where that is unknown."""
        origin = self._backend.origin_digest(self._subject, options)
        if origin is None:
            return {}
        kept = {
            each: self._results.scenario(scenario_id(self._inputs, origin, options, each)) for each in options.scenarios
        }
        return {
            scenario.name: ScenarioTest(found.scenario, found.tested, found.run_id, reused=True)
            for scenario, found in kept.items()
            if found is not None and self._counts(found.tested)
            if not self._cold or found.scenario.start is Start.COLD
        }

    def keep_boot_path(self, found: BootPathResult, tested: datetime) -> BootPathTest:
        """Keep a boot path that has ended, when it passed."""
        kept = KeptBootPath(run_id=self._subject.run_id, tested=tested, boot_path=found)
        self._results.keep(boot_path_id(self._inputs, found.boot_path), kept)
        return BootPathTest(found, tested, self._subject.run_id)

    def keep_scenario(
        self, scenario: Scenario, result: ScenarioResult, tested: datetime, origin: Digest, options: ScenarioOptions
    ) -> ScenarioTest:
        """Keep a scenario that has ended, when it passed."""
        kept = KeptScenario(run_id=self._subject.run_id, tested=tested, scenario=result)
        self._results.keep(scenario_id(self._inputs, origin, options, scenario), kept)
        return ScenarioTest(result, tested, self._subject.run_id)

    def _counts(self, tested: datetime) -> bool:
        """Whether a result still counts: not of the future, and younger than the policy lets one be published."""
        limit, age = self._backend.result_age(self._subject.project), self._backend.now() - tested
        return age.total_seconds() >= 0 and (limit is None or age < limit)


def tested_before(reuse: Reuse, asked: tuple[BootPath, ...]) -> Tested:
    """All that is known of an image without doing anything; whole lives alone count among scenarios."""
    options = ScenarioOptions()
    boot_paths, scenarios = reuse.boot_paths(asked), reuse.scenarios(options)
    whole = len(scenarios) == len(options.scenarios)
    return Tested(
        asked=asked,
        boot_paths=tuple(boot_paths[boot_path] for boot_path in asked if boot_path in boot_paths),
        scenarios=tuple(scenarios[each.name].result for each in options.scenarios) if whole else (),
        times=tuple(test.tested for test in scenarios.values()) if whole else (),
    )
