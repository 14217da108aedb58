"""The checks run by pytest over facts of a file, as the command runs them, and what is made of the outcome."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from imagekit.checks.contract.facts import NodeFacts, NoFactError, parse_sections
from imagekit.checks.contract.model import (
    Check,
    CheckVerdict,
    Conformance,
    ContractPath,
    ContractRun,
    Phase,
    RunFacts,
    boot_paths_of,
    contract_runs_of,
    read_facts,
    write_facts,
)
from imagekit.checks.contract.show import as_json, as_markdown, as_text
from imagekit.checks.contract.suite import ConformanceSuiteError, NoChecksError, judge, list_checks
from imagekit.checks.outcome import Outcome
from imagekit.config.model import Firmware
from tests.unit.checks.contract.run import FOLDER, cases, good

EVERY = (
    ContractRun(ContractPath.IMAGE),
    ContractRun(ContractPath.LIVE),
    ContractRun(ContractPath.INSTALLED),
    ContractRun(ContractPath.DISK, Firmware.UEFI),
)


def facts_of(contract_run: ContractRun) -> RunFacts:
    return RunFacts({phase: good()[phase] for phase in contract_run.phases})


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    write_facts({contract_run.name: facts_of(contract_run) for contract_run in EVERY}, tmp_path / "facts.json")
    return tmp_path / "facts.json"


def test_good_facts_conform_on_every_boot_path(kept: Path, tmp_path: Path) -> None:
    found = judge(FOLDER, tmp_path, "x", EVERY, kept)
    assert found.passed
    assert {check.id for check in found.checks} == {name for name, _, _ in cases()}
    assert {contract_run for by_run in found.verdicts.values() for contract_run in by_run} == {
        contract_run.name for contract_run in EVERY
    }
    assert found.count(Outcome.PASSED) == sum(len(by_run) for by_run in found.verdicts.values())


def test_a_short_run_asks_less(kept: Path, tmp_path: Path) -> None:
    short = ContractRun(ContractPath.DISK, Firmware.UEFI, Phase.FIRST)
    found = judge(FOLDER, tmp_path, "x", (short,), kept)
    assert found.passed
    assert not any(check.id.startswith(("persistence/", "image/", "live/")) for check in found.checks)


def test_a_broken_promise_and_a_phase_that_was_not_reached(kept: Path, tmp_path: Path) -> None:
    facts = read_facts(kept)
    live = facts["live-bios"].phases[Phase.LIVE]
    assert isinstance(live, NodeFacts)
    facts["live-bios"].phases[Phase.LIVE] = NodeFacts({**live.sections, "get:boot": "unknown"})
    del facts["installed-bios"].phases[Phase.RESET]
    facts["installed-bios"].broken[Phase.RESET] = "the node did not come up"
    write_facts(facts, kept)
    found = judge(FOLDER, tmp_path, "x", EVERY, kept)
    assert not found.passed
    bad = {check.id: found.failed(check) for check in found.checks if found.failed(check)}
    assert bad["live/agent_says_livecd"]["live-bios"].outcome is Outcome.FAILED
    after = bad["boots/reset_ends_well"]["installed-bios"]
    assert (after.outcome, "the node did not come up" in after.message) == (Outcome.ERRORED, True)
    assert "disk-uefi" not in bad["boots/reset_ends_well"]


def test_no_check_is_an_error(kept: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(FOLDER / "conftest.py", empty)
    with pytest.raises(NoChecksError):
        judge(empty, tmp_path, "x", EVERY, kept)
    with pytest.raises(NoChecksError):
        judge(tmp_path / "nowhere", tmp_path, "x", EVERY, kept)


@pytest.mark.parametrize(
    "body",
    [
        "import nowhere_to_be_found\n",
        'def test_it(live):\n    """No section."""\n',
        'import pytest\n@pytest.mark.contract("1")\ndef test_it(live):\n    pass\n',
        'import pytest\n@pytest.mark.contract("1", basis="heard")\ndef test_it(live):\n    """Basis."""\n',
    ],
)
def test_a_check_without_its_metadata_is_an_error(kept: Path, tmp_path: Path, body: str) -> None:
    checks = tmp_path / "checks"
    checks.mkdir()
    shutil.copy(FOLDER / "conftest.py", checks)
    (checks / "test_it.py").write_text(body)
    with pytest.raises(ConformanceSuiteError):
        judge(checks, tmp_path, "x", EVERY, kept)


def test_a_skipped_check_is_not_passed(kept: Path, tmp_path: Path) -> None:
    checks = tmp_path / "checks"
    checks.mkdir()
    shutil.copy(FOLDER / "conftest.py", checks)
    body = 'import pytest\n@pytest.mark.contract("1")\ndef test_it(live):\n    """Skips."""\n    pytest.skip("no")\n'
    (checks / "test_it.py").write_text(body)
    found = judge(checks, tmp_path, "x", EVERY, kept)
    assert found.verdicts["it/it"]["live-bios"].outcome is Outcome.SKIPPED
    assert not found.passed


def test_list_has_every_check(tmp_path: Path) -> None:
    assert {check.id for check in list_checks(FOLDER, tmp_path)} == {name for name, _, _ in cases()}


def test_runs_of_the_command_line() -> None:
    assert [contract_run.name for contract_run in contract_runs_of(["all"], ["bios", "uefi"])] == [
        "image",
        "live-bios",
        "installed-bios",
        "disk-bios",
        "live-uefi",
        "installed-uefi",
        "disk-uefi",
    ]
    (short,) = contract_runs_of(["installed"], ["uefi"], short=True)
    assert short.phases == (Phase.INSTALL, Phase.FIRST)


def test_boot_paths_follow_from_the_phases() -> None:
    assert boot_paths_of([Phase.FIRST]) == (ContractPath.INSTALLED, ContractPath.DISK)
    assert boot_paths_of([Phase.INSTALL, Phase.FIRST]) == (ContractPath.INSTALLED,)
    assert boot_paths_of([]) == ()


def test_answers_that_break_off_are_an_error() -> None:
    with pytest.raises(NoFactError, match="after section 'b'"):
        parse_sections("\x1ea\n1\x1eb\n2")
    assert parse_sections("\x1ea\n1\x1eb\n2\n\n\x1eend\n") == {"a": "1", "b": "2\n\n"}


def small(outcome: Outcome) -> Conformance:
    check = Check(id="live/x[a]", title="It is so [a]", section="2 live", basis="code", boot_paths=(ContractPath.LIVE,))
    other = Check(id="live/x[b]", title="It is so [b]", section="2 live", basis="code", boot_paths=(ContractPath.LIVE,))
    verdicts = {
        "live/x[a]": {"live-bios": CheckVerdict(outcome=Outcome.PASSED)},
        "live/x[b]": {"live-bios": CheckVerdict(outcome=outcome, message="it | is not")},
    }
    return Conformance(subject="s", contract_runs=("image", "live-bios"), checks=(check, other), verdicts=verdicts)


def test_views_tell_what_failed_and_why() -> None:
    bad = small(Outcome.FAILED)
    assert "does NOT conform: 2 checks on image, live-bios; 1 passed, 1 failed." in as_text(bad)
    assert "found:   it | is not" in as_text(bad)
    assert "| `live/x` | It is so | 2 | 2 live | code | - | 1 of 2 passed |" in as_markdown(bad)
    assert json.loads(as_json(bad))["checks"][1]["verdicts"]["live-bios"]["outcome"] == "failed"
    assert json.loads(as_json(bad))["passed"] is False


def test_views_tell_that_all_is_well() -> None:
    assert "s conforms: 2 checks" in as_text(small(Outcome.PASSED))
    assert "| - | passed |" in as_markdown(small(Outcome.PASSED))


def test_nothing_asked_is_not_passed() -> None:
    good_one = small(Outcome.PASSED)
    unasked = Conformance(subject="s", contract_runs=("image",), checks=good_one.checks, verdicts={})
    assert not unasked.passed
    assert not Conformance(subject="s", contract_runs=(), checks=(), verdicts={}).passed
