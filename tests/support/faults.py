"""Faults put into imagekit by hand, each with the unit test that must fail on it; no machine is booted for any of them.

Beside tests/e2e/mutations.py, which is about the stand-in on real machines. tests/unit/app/test_faults.py holds that
each fits the code, tests/integration/faults applies them at night, one after another.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """In `file`, `old` (which stands there once) becomes `new`; `test` is the id of what must fail then."""

    name: str
    file: str
    old: str
    new: str
    test: str


_RUN, _TEST = "imagekit/app/run.py", "tests/unit/app/test_run.py"
FAULTS = (
    Fault(
        name="published after a boot path that failed",
        file=_RUN,
        old="            if not found.suites.passed:\n                blocking",
        new="            if False:\n                blocking",
        test=f"{_TEST}::test_a_check_that_did_not_pass_on_any_boot_path_publishes_nothing",
    ),
    Fault(
        name="scenarios do not count",
        file=_RUN,
        old="        if broken:\n",
        new="        if False:\n",
        test=f"{_TEST}::test_a_scenario_that_did_not_pass_publishes_nothing",
    ),
    Fault(
        name="a scenario that was not run is forgotten",
        file=_RUN,
        old="known.get(each.name) or missing(each, each.allowance(asked.cuts)) for each in asked.scenarios",
        new="known[each.name] for each in asked.scenarios if each.name in known",
        test=f"{_TEST}::test_a_scenario_that_was_never_run_is_missing_and_fails",
    ),
    Fault(
        name="half a life is published as a whole one",
        file=_RUN,
        old="if self.options.lifecycle is None and len(self.scenarios) < len(asked.scenarios):",
        new="if self.options.lifecycle is None and not self.scenarios:",
        test=f"{_TEST}::test_a_later_run_publishes_the_scenarios_that_are_known_when_all_are",
    ),
    Fault(
        name="fresh is not asked for",
        file=_RUN,
        old="if self.options.fresh or self.options.keep is not None or self.options.selection.partial:",
        new="if self.options.keep is not None or self.options.selection.partial:",
        test=f"{_TEST}::test_fresh_does_all_of_it_anew",
    ),
    Fault(
        name="a machine to keep is one of before",
        file=_RUN,
        old="if self.options.fresh or self.options.keep is not None or self.options.selection.partial:",
        new="if self.options.fresh or self.options.selection.partial:",
        test=f"{_TEST}::test_a_machine_to_keep_is_a_fresh_one_and_still_runs",
    ),
    Fault(
        name="what passed is not kept",
        file="imagekit/app/kept.py",
        old="        if not passed:\n            return\n",
        new="        if passed:\n            return\n",
        test=f"{_TEST}::test_after_a_failed_publish_the_next_run_only_publishes",
    ),
    Fault(
        name="a kept failure is a pass",
        file="imagekit/app/kept.py",
        old="return found if found is not None and _passed(found.boot_path.suites) else None",
        new="return found",
        test=f"{_TEST}::test_a_kept_result_that_was_made_to_say_failed_is_not_reused",
    ),
    Fault(
        name="some of the checks are a passed suite",
        file="imagekit/app/outcome.py",
        old="return Verdict.PARTIAL if self.suites is not None and self.suites.selection else Verdict.PASSED",
        new="return Verdict.PASSED",
        test=f"{_TEST}::test_a_selected_run_is_no_passed_suite",
    ),
    Fault(
        name="a pass of some checks is kept for all",
        file="imagekit/app/kept.py",
        old="return suites.passed and not suites.selection",
        new="return suites.passed",
        test=f"{_TEST}::test_a_selected_run_is_no_passed_suite",
    ),
    Fault(
        name="a commit gives the same files another version",
        file="imagekit/plan/resolve.py",
        old="source = dated(project.work, stamp.id, ",
        new="source = (lambda _work, _id, now: now)(project.work, stamp.id, ",
        test="tests/unit/plan/test_given.py::test_committing_what_was_built_changes_neither_id_nor_version",
    ),
    Fault(
        name="whoever holds any key may mute",
        file="imagekit/trust/gate/mutes.py",
        old="    if problem is not None:\n        return reason\n",
        new="",
        test="tests/unit/app/test_muting.py::test_who_may_mute_what_and_how_long",
    ),
    Fault(
        name="a muted failure is waived by every policy",
        file="imagekit/trust/gate/results.py",
        old="    if not allowed:\n",
        new="    if False:\n",
        test="tests/unit/trust/gate/test_evaluate.py"
        "::test_a_muted_check_that_failed_counts_by_policy_and_never_as_passed",
    ),
    Fault(
        name="a typing mistake in replaces takes back nothing and says nothing",
        file="imagekit/artifact/presence.py",
        old="            if not any(what in _declared(project.layers[each], kind) for each in below):\n",
        new="            if False:\n",
        test="tests/unit/artifact/test_presence.py::test_what_nobody_below_declares_cannot_be_taken_back",
    ),
    Fault(
        name="a module that is only listed is there",
        file="imagekit/artifact/presence.py",
        old="inventory.resolve(file) is not None\n    else:",
        new="True\n    else:",
        test="tests/unit/artifact/test_presence.py::test_a_module_that_is_listed_and_has_no_file_is_told",
    ),
    Fault(
        name="an initrd that breaks off is whole",
        file="imagekit/artifact/initrdcheck.py",
        old="        if header[:6] not in _MAGIC or len(header) < _HEADER:\n            raise",
        new="        if header[:6] not in _MAGIC or len(header) < _HEADER:\n            return 1\n            raise",
        test="tests/unit/artifact/test_initrdcheck.py::test_a_damaged_one_is_named",
    ),
    Fault(
        name="a kept machine outlives its owner in the list",
        file="imagekit/app/keptmachine.py",
        old="        if machine is None or not machine.owned:\n",
        new="        if machine is None:\n",
        test="tests/unit/app/test_keptmachine.py::test_what_a_dead_owner_left_is_no_machine_and_is_removed",
    ),
    Fault(
        name="the harness is no part of a result",
        file="imagekit/app/kept.py",
        old='        "harness": folder_hash(harness),\n',
        new="",
        test=f"{_TEST}::test_a_result_does_not_outlive_what_it_depends_on",
    ),
    Fault(
        name="the machine is no part of a result",
        file="imagekit/app/kept.py",
        old='        "machine": image.vm.model_dump_json(),\n',
        new="",
        test=f"{_TEST}::test_another_machine_is_another_result",
    ),
    Fault(
        name="a hundred power cuts were three",
        file="imagekit/app/kept.py",
        old="    cuts = options.cuts if scenario.each_cut else 0\n",
        new="    cuts = 0\n",
        test=f"{_TEST}::test_more_power_cuts_are_another_promise_and_another_start_is_not_known",
    ),
    Fault(
        name="results never grow old",
        file="imagekit/app/reuse.py",
        old="return age.total_seconds() >= 0 and (limit is None or age < limit)",
        new="return age.total_seconds() >= 0",
        test=f"{_TEST}::test_a_result_older_than_the_policy_allows_or_of_the_future_is_made_anew",
    ),
    Fault(
        name="results of the future count",
        file="imagekit/app/reuse.py",
        old="return age.total_seconds() >= 0 and (limit is None or age < limit)",
        new="return limit is None or age < limit",
        test=f"{_TEST}::test_a_result_older_than_the_policy_allows_or_of_the_future_is_made_anew",
    ),
    Fault(
        name="one boot path of two is enough",
        file="imagekit/app/outcome.py",
        old="return there and checks and",
        new="return checks and",
        test=f"{_TEST}::test_publish_needs_no_run_of_its_own",
    ),
    Fault(
        name="the date of a reused test is today",
        file="imagekit/app/outcome.py",
        old='        tested=tested.since.isoformat(timespec="seconds") if tested.since else "",\n',
        new='        tested=began.isoformat(timespec="seconds"),\n',
        test=f"{_TEST}::test_after_a_failed_publish_the_next_run_only_publishes",
    ),
    Fault(
        name="publishing asks for no verdict",
        file="imagekit/app/publishing.py",
        old="        if result.verdict is Verdict.PASSED:\n",
        new="        if result.verdict is not None:\n",
        test=f"{_TEST}::test_publish_needs_no_run_of_its_own",
    ),
    Fault(
        name="the manifest of a kept build is not proven",
        file="imagekit/build/builder.py",
        old='if Digest.of_file(folder / "oci" / "blobs" / "sha256" / digest.hex) != digest:',
        new='if not (folder / "oci" / "blobs" / "sha256" / digest.hex).exists():',
        test="tests/unit/build/test_builder.py::test_a_damaged_earlier_build_is_built_again",
    ),
    Fault(
        name="the console is not watched",
        file="imagekit/machine/started.py",
        old="            require_no_fatal_line(self.name, fresh, self._console)\n",
        new="            pass\n",
        test="tests/unit/machine/test_watch.py::test_a_fatal_line_ends_the_wait_while_the_machine_runs",
    ),
    Fault(
        name="a machine that ended is waited for",
        file="imagekit/machine/started.py",
        old="        if not running:\n            raise ended(self.name, self._console)\n",
        new="",
        test="tests/unit/machine/test_watch.py::test_a_machine_that_is_gone_ends_the_wait",
    ),
    Fault(
        name="an altered saved state is used",
        file="imagekit/machine/saved.py",
        old="            if found[name] != wanted:\n",
        new="            if False:\n",
        test="tests/unit/machine/test_saved.py::test_a_damaged_state_is_not_used",
    ),
    Fault(
        name="a saved state is used whatever QEMU made it",
        file="imagekit/app/forks.py",
        old='        "qemu": f"{provider.qemu_version} {provider.emulator}",\n',
        new="",
        test="tests/unit/app/test_forks.py::test_whatever_decides_a_state_decides_its_name",
    ),
    Fault(
        name="a fork keeps the clock of its state",
        file="imagekit/machine/identity.py",
        old="date -u -s @{now.timestamp():.3f} > /dev/null",
        new="date -u > /dev/null",
        test="tests/unit/app/test_forks.py::test_a_fork_is_given_the_time_and_the_randomness_of_now",
    ),
    Fault(
        name="a boot is judged on a fork",
        file="imagekit/checks/plugin.py",
        old="    if session.start == Start.FORK:\n",
        new="    if False:\n",
        test="tests/unit/checks/test_runner.py::test_a_boot_is_judged_on_a_cold_one_alone",
    ),
    Fault(
        name="a boot that no cold boot judged is passed on a fork",
        file="imagekit/checks/judged.py",
        old="        known = bool(meta.source) and source == meta.source\n",
        new="        known = True\n",
        test="tests/unit/checks/test_runner.py::test_a_boot_is_judged_on_a_cold_one_alone",
    ),
    Fault(
        name="results of forks count where cold boots are wanted",
        file="imagekit/trust/gate/results.py",
        old="    if problem := _not_cold(run, wanted):\n        return problem\n",
        new="",
        test="tests/unit/trust/gate/test_attacks.py",
    ),
    Fault(
        name="a fork's result is published where the policy wants cold boots",
        file=_RUN,
        old="        demanded = self.options.publish and self.backend.demands_cold(self.project)\n",
        new="        demanded = False\n",
        test=f"{_TEST}::test_what_the_policy_wants_cold_is_tested_cold_before_it_is_published",
    ),
    Fault(
        name="a fork calls itself a cold boot",
        file="imagekit/machine/started.py",
        old="            start=Start.FORK,\n",
        new="",
        test="tests/unit/app/test_forks.py::test_the_first_session_boots_and_those_after_it_fork",
    ),
    Fault(
        name="two spellings are two people",
        file="imagekit/trust/sign/person.py",
        old=".casefold()",
        new="",
        test="tests/unit/trust/sign/test_person.py",
    ),
    Fault(
        name="a waiver is valid at its own expiry",
        file="imagekit/trust/gate/people.py",
        old="    if waiver.expires <= view.now:\n",
        new="    if waiver.expires < view.now:\n",
        test="tests/unit/trust/gate/test_attacks.py",
    ),
    Fault(
        name="nothing collected is passed",
        file="imagekit/checks/outcome.py",
        old="return bool(self.checks) and not self.blocking",
        new="return not self.blocking",
        test=f"{_TEST}::test_a_machine_on_which_no_check_was_run_has_not_passed",
    ),
    Fault(
        name="demo authorities are in every image",
        file="imagekit/config/engine.py",
        old='    left_out = DEMO if relative.startswith("images/") else ""\n',
        new='    left_out = ""\n',
        test="tests/unit/config/test_engine.py::test_demo_authorities_are_in_no_other_project",
    ),
    Fault(
        name="a boot that was told again counts as one",
        file="imagekit/history/read.py",
        old='f"WHERE fresh AND {_OF_IMAGE} ORDER BY started, run_id, path"',
        new='f"WHERE {_OF_IMAGE} ORDER BY started, run_id, path"',
        test="tests/unit/history/test_store.py::test_what_a_run_told_again_is_no_run_of_its_checks",
    ),
    Fault(
        name="a flake on two digests",
        file="imagekit/history/flakes.py",
        old="        ways[each.digest].add(",
        new="        ways[all_runs[0].digest].add(",
        test="tests/unit/history/test_flakes.py::test_what_is_no_flake",
    ),
    Fault(
        name="a newer digest makes the wait of a channel begin anew",
        file="imagekit/history/starvation.py",
        old="ripe = min((each.at + feed.soak for each in waiting), default=None)",
        new="ripe = max((each.at + feed.soak for each in waiting), default=None)",
        test="tests/unit/history/test_starvation.py::test_a_summer_without_a_promotion_is_an_alarm_on_the_second_morning",
    ),
    Fault(
        name="versions compared as text",
        file="imagekit/cve/versions.py",
        old="    return int(one > other) - int(one < other)",
        new="    return int(a > b) - int(a < b)",
        test="tests/unit/cve/test_match.py::test_the_tracker_of_debian",
    ),
    Fault(
        name="no advisories are no vulnerabilities",
        file="imagekit/cve/match.py",
        old="    if not covered or not known.by_name:",
        new="    if False:",
        test="tests/unit/cve/test_match.py::test_nothing_known_is_not_nothing_there",
    ),
    Fault(
        name="a gate that was not told of vulnerabilities opens",
        file="imagekit/trust/gate/vulnerable.py",
        old='        return [finding(_NAME, False, f"could not be told: {why}")]',
        new='        return [finding(_NAME, True, f"could not be told: {why}")]',
        test="tests/unit/trust/gate/test_vulnerable.py::test_without_a_scan_the_gate_stays_closed",
    ),
    Fault(
        name="an expired certificate only warns",
        file="imagekit/inventory/horizon.py",
        old="self.standing not in (Standing.GOOD, Standing.WARNS)",
        new="self.standing not in (Standing.GOOD, Standing.WARNS, Standing.EXPIRED)",
        test="tests/unit/inventory/test_horizon.py::test_standings",
    ),
    Fault(
        name="a culprit is blamed without a build of it alone",
        file="imagekit/drift/bisect.py",
        old="            if high == 1 or self._result(needed) is Result.BAD:",
        new="            if True:",
        test="tests/unit/drift/test_bisect.py::test_two_that_break_only_together_are_both_named",
    ),
    Fault(
        name="a mirror that fails is drift",
        file="imagekit/drift/night.py",
        old="        if any(cause.part is Part.FRESH for cause in self.causes):",
        new="        if self.unknown or any(cause.part is Part.FRESH for cause in self.causes):",
        test="tests/unit/drift/test_night.py::test_a_fault_of_the_infrastructure_is_not_called_drift",
    ),
    Fault(
        name="a quiet night rests on other sources",
        file="imagekit/drift/night.py",
        old="        if age > self.options.full_every or not same_sources or expired:",
        new="        if age > self.options.full_every or expired:",
        test="tests/unit/drift/test_night.py::test_a_quiet_night_rests_on_nothing_that_does_not_hold",
    ),
    Fault(
        name="a night that could not tell closes issues",
        file="imagekit/drift/issues.py",
        old="        if each.good:\n",
        new="        if True:\n",
        test="tests/unit/drift/test_issues.py::test_a_night_that_could_not_tell_closes_nothing",
    ),
)
