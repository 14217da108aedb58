"""Every command that the documentation shows in a block is run by a test: here, or by the one that a row names.

Here are those that need no engine, registry or machine: they are run as they stand on the page, in a project as
`imagekit init` makes it, with their exit codes.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from imagekit.base.errors import ImagekitError
from imagekit.cli import cli
from tests.unit.cli.test_docs import EXAMPLES, ROOT, Example, words

# In order, for one command makes what the next is about; the number is its exit code.
HERE: dict[str, tuple[tuple[str, int], ...]] = {
    "start": (("init demo", 0), ("plan demo-node", 0), ("check new site dns_is_configured", 0)),
    "upgrade": (("config migrate", 0), ("config migrate --write", 0), ("config check", 0)),
    "layers and checks": (
        ("layer new chrony", 0),
        ("check new chrony follows_a_source", 0),
        ("config check", 0),
        ("plan debian-node", 0),
        ("check list debian-node", 0),
        ("check suites debian-node", 0),
        ("mute", 0),
        ("machines list", 0),
        ("machines stop", 0),
        ("test --list-scenarios", 0),
        ("explain SSH-09", 0),
        ("explain rule_sshd_disable_root_login", 0),
    ),
    "history of runs": (("trends", 0), ("trends debian-node --html trends.html", 0), ("alarms", 4)),
    "keys": (
        ('keys create ada --purpose waive --person "Ada Lovelace <ada@bank.example>"', 0),
        ("keys list", 0),
        ("history", 0),
        ("history --channel prod --gate", 0),
        ("history --at 2030-01-01", 0),
    ),
    "two purposes": (
        ('keys create ada --purpose approve --purpose waive --person "Ada Lovelace <ada@bank.example>"', 0),
    ),
    "fleet": (("fleet check", 0), ("observe show", 0), ("observe sign", 2)),
    # What has not been built, booted, released or trusted yet is said so, whatever the rest of the page goes on to do.
    "nothing there yet": (
        ("diff v2026.1127.0-g1a2b3c4 debian-node", 2),
        ("keys rotate build-2026 --new build-2027 --overlap 7", 2),
        ("provision plan", 2),
        ("provision render", 2),
    ),
}
_RELEASING = "tests/e2e/test_releasing.py::test_the_page_is_true"
_FLEET = "tests/e2e/test_provisioning.py::test_the_section_is_true"
_API = "tests/integration/provision/test_apiserver.py"
_RUN = "tests/e2e/test_run.py"
_CONTAINER = f"{_RUN}::test_in_a_container_every_check_that_may_be_asked_there_ends_as_on_the_machine"
_CHANGE = "tests/unit/app/test_changerecord.py"
_SWAP = "tests/integration/images/test_swap.py"
_AUDIT = "tests/unit/cli/test_audit.py"
# Beginning of a command, or ``page: beginning``, to the test that does what it says; the longest beginning counts.
ELSEWHERE = {
    "docs/releasing.md: ": _RELEASING,
    "run": f"{_RUN}::test_a_run_ends_with_a_published_digest",
    "run debian-node --lifecycle": "tests/e2e/test_lifecycle.py::test_every_scenario_keeps_its_promise",
    "run debian-node --suite": "tests/unit/app/test_suiteruns.py::",
    "test debian-node": f"{_RUN}::test_a_broken_layer_is_caught_by_its_own_suite",
    "test debian-node --boot direct": "tests/e2e/test_forks.py::test_a_changed_check_is_judged_on_a_fork",
    "test debian-node --lifecycle": "tests/e2e/test_lifecycle.py::test_every_scenario_keeps_its_promise",
    "test debian-node --scenario": "tests/e2e/test_lifecycle.py::test_a_hundred_power_cuts_lose_no_node",
    "test debian-node --suite": "tests/unit/app/test_suiteruns.py::",
    "test debian-node -k": "tests/unit/checks/test_runner.py::test_some_checks_are_run_and_told_as_some",
    "test debian-node --failed": "tests/unit/checks/test_runner.py::test_some_checks_are_run_and_told_as_some",
    "check debian-node --container": _CONTAINER,
    "check -k": "tests/unit/app/test_keptmachine.py::test_the_commands_without_a_machine",
    "check --failed": "tests/unit/app/test_stillfailing.py::test_each_look_changes_what_it_asked_for_alone",
    "console": "tests/unit/app/test_keptmachine.py::test_the_commands_without_a_machine",
    "shell debian-node --with": "tests/integration/fixtures/test_network.py::",
    "shell": f"{_RUN}::test_a_shell_runs_a_command_on_the_node",
    "services": "tests/integration/services/test_real.py::test_services_stay_up_until_down",
    "verify": f"{_RUN}::test_what_was_published_verifies_from_a_cold_start",
    "gate": "tests/unit/cli/test_gate.py::test_open_gate_is_0_and_tells_each_requirement",
    "waive": "tests/unit/app/test_people.py::test_rotation_changes_who_signs",
    "mute sssd": "tests/unit/app/test_muting.py::test_the_command_writes_lists_and_asks_for_a_ticket",
    "keys trust": "tests/unit/app/test_people.py::test_rotation_changes_who_signs",
    "lock": "tests/integration/packages/test_dnf.py::",
    "build": "tests/integration/images/test_reproducible.py::test_two_builds_of_one_lock_are_one_digest",
    "build rocky9-k0s-node": f"{_SWAP}::test_two_images_are_built_as_one_graph_and_share_their_layers",
    "conformance": "tests/e2e/test_conformance.py::test_the_embedded_image_keeps_every_promise",
    "disk": "tests/e2e/test_disk.py::test_a_pushed_disk_is_found_beside_its_image",
    "bench": "tests/unit/bench/test_suite.py::",
    "horizon": "tests/unit/app/test_horizon.py::",
    "cve": "tests/unit/app/test_cve.py::",
    "drift": "tests/unit/drift/test_local.py::",
    "trends --add": "tests/unit/history/test_store.py::",
    "ledger rebase": "tests/unit/release/channel/test_edges.py::",
    "audit": f"{_AUDIT}::test_proven_is_zero",
    "observe": "tests/unit/observe/test_asked.py::",
    "observe kubernetes": "tests/integration/provision/test_observe.py::test_nodes_are_seen_page_by_page",
    "observe machines": _FLEET,
    "change show": f"{_CHANGE}::test_the_record_is_demanded_asked_and_kept",
    "change emergency": f"{_CHANGE}::test_two_persons_let_it_in_without_a_record_and_all_is_told",
    "promote": f"{_CHANGE}::test_the_record_is_demanded_asked_and_kept",
    "provision": _FLEET,
    "provision roll": "tests/unit/cli/test_fleet.py::test_from_a_fleet_file_to_a_roll",
    "provision push": "tests/integration/provision/test_artifact.py::test_the_signed_one_is_taken_others_are_not",
    "provision schemas": "tests/unit/provision/check/test_fetch.py::",
    "provision check": f"{_API}::test_from_start_to_verdict",
    "provision check provision --kubeconfig": f"{_API}::test_a_live_cluster_is_asked_by_its_kubeconfig",
    "provision dns": "tests/integration/provision/test_dns.py::test_the_commands",
    "provision dns zones": "tests/unit/provision/nameserver/test_bindcar.py::",
    "cloudconfig token": "tests/unit/app/test_jointokens.py::",
}
SHOWN = sorted({(each.page, " ".join(words(each.text))) for each in EXAMPLES if each.whole})


def spelt(text: str) -> str:
    """A command as the pages' are compared: its words, without quotes."""
    return " ".join(words(text))


RUN_HERE = {spelt(text) for sequence in HERE.values() for text, _ in sequence}


def row_of(page: str, command: str) -> str | None:
    """The row of `ELSEWHERE` with the longest beginning of a command."""
    fitting = [row for row in ELSEWHERE if f"{page}: {command}".startswith(row) or _begins(command, row)]
    return max(fitting, key=len, default=None)


def _begins(command: str, row: str) -> bool:
    return command == row or command.startswith(f"{row} ") or (": " not in row and command.startswith(f"{row}/"))


@pytest.mark.parametrize(("page", "command"), SHOWN, ids=[f"{page}: {command}" for page, command in SHOWN])
def test_a_command_in_a_block_is_run_here_or_by_a_test_that_is_named(page: str, command: str) -> None:
    assert command in RUN_HERE or row_of(page, command), "run it in HERE, or name in ELSEWHERE the test that does"


def test_a_command_that_no_test_runs_is_found() -> None:
    assert row_of("docs/x.md", "frobnicate --all") is None
    assert row_of("docs/x.md", "runner") is None


@pytest.mark.parametrize("row", ELSEWHERE)
def test_each_row_is_needed_and_its_test_is_there(row: str) -> None:
    assert row in {row_of(page, command) for page, command in SHOWN}, "no command needs this row"
    file, _, name = ELSEWHERE[row].partition("::")
    assert (ROOT / file).is_file()
    assert f"def {name or 'test_'}" in (ROOT / file).read_text()


def test_each_command_that_is_run_here_is_on_a_page() -> None:
    assert RUN_HERE - {command for _, command in SHOWN} == set()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of `imagekit init`, called so that its image is `debian-node`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGEKIT_KEY_PASSWORD", "correct horse")
    assert ended("init debian") == 0
    monkeypatch.chdir(tmp_path / "debian")
    return tmp_path / "debian"


def ended(text: str) -> int:
    """Run a command as a shell would and return its exit code."""
    try:
        done = CliRunner().invoke(cli, shlex.split(text), standalone_mode=False, catch_exceptions=False)
    except ImagekitError as error:
        return error.exit_code
    except click.ClickException as error:
        return error.exit_code
    return int(done.return_value or 0)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("sequence", HERE)
def test_the_commands_do_what_the_page_says(sequence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for text, code in HERE[sequence]:
        assert ended(text) == code, f"imagekit {text}"
        if text.startswith("init "):
            monkeypatch.chdir(Path.cwd() / text.removeprefix("init "))


def test_what_the_page_of_layers_takes_back_is_what_another_layer_declares(project: Path) -> None:
    assert ended("layer new chrony") == 0
    example = (ROOT / "docs/layers.md").read_text().partition("```yaml\nreplaces:")[2].partition("```")[0]
    with (project / "images/chrony/layer.yaml").open("a") as file:
        file.write(f"replaces:{example}")
    images = project / "images/images.yaml"
    images.write_text(images.read_text().replace("layers: [base, site]", "layers: [base, site, chrony]"))
    assert "[systemd-timesyncd]" in example
    assert ended("config check") == 0


def test_an_example_is_what_the_other_tests_take_it_for() -> None:
    assert Example("README.md", "plan x", whole=True) not in EXAMPLES
