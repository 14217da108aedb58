"""A real node in a real Active Directory domain: the suites pass, and each planted fault is named by its check."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imagekit.checks.directory import People
from imagekit.checks.outcome import Outcome
from imagekit.checks.until import until
from imagekit.machine.interface import BootPath
from imagekit.machine.node import InstalledNode
from imagekit.scenarios import ask
from imagekit.scenarios.model import GrubEntry, Mode
from tests.e2e.conftest import IMAGE, Clone, First, last_result
from tests.support.adfaults import AGAIN, FAILOVER, FAULTS, KEYTAB, RESET, At, Fault
from tests.support.adnode import PAGE, AdNode, page
from tests.support.adpolicy import BY_GROUP, BY_POLICY, NO_POLICY, POLICY, SAID
from tests.support.suitenode import as_scenario, image_of, suite_node, upgrade

pytestmark = [
    pytest.mark.vm,
    pytest.mark.registry,
    pytest.mark.online,
    pytest.mark.skipif(os.geteuid() != 0, reason="a network of its own needs root"),
]
# The login is there before the stage `network` has joined the node and started SSSD.
JOINED = until(f"[ -s {KEYTAB} ] && systemctl is-active -q sssd", 100)


@pytest.mark.nightly(minutes=4)
def test_the_suites_pass_by_name(clone: Clone, first: First) -> None:
    done = clone.imagekit("test", IMAGE, "--suite", "ad,ca")
    assert done.returncode == 0, done.stdout + done.stderr[-6000:]
    found = last_result(clone)
    assert found["verdict"] == "passed"
    assert {check["layer"] for check in found["suites"]["checks"]} == {"ad", "ca"}
    assert found["digest"] == first.result["digest"]


@pytest.fixture(scope="module")
def joined(clone: Clone, first: First, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdNode]:
    """A node that joined."""
    with suite_node(clone.root, IMAGE, "ad", tmp_path_factory.mktemp("ad"), BootPath.DIRECT) as node:
        yield AdNode(node.machine)


@pytest.mark.nightly(minutes=0.5)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_planted_fault_is_named_by_its_check(joined: AdNode, fault: Fault) -> None:
    _is_named(joined, fault)


def _is_named(joined: AdNode, fault: Fault) -> None:
    joined.plant(fault)
    try:
        found = joined.checked(fault.check)
    finally:
        joined.heal(fault)
    failed = [check for check in found if check.outcome is Outcome.FAILED]
    assert failed, "the check did not see it"
    assert fault.says in failed[0].message
    assert failed[0].runbook == fault.page
    again = joined.checked(fault.check)
    assert [check.message for check in again if check.outcome is not Outcome.PASSED] == []


@pytest.mark.nightly(minutes=1)
def test_a_healed_node_passes_the_whole_suite(joined: AdNode) -> None:
    found = joined.checked()
    assert len(found) > 25
    assert [(check.id, check.message) for check in found if check.outcome is not Outcome.PASSED] == []


@pytest.mark.nightly(minutes=1.5)
def test_a_node_joins_by_a_keytab_that_its_seed_brings(joined: AdNode) -> None:
    """The other way of cloud-config/profiles/ad-joined.yaml: the account's keytab was made before."""
    names = ("NODE-AD$", "host/node-ad.ad.imagekit.test")
    for name in names:
        assert (
            joined.at(At.DIRECTORY, f"samba-tool domain exportkeytab /tmp/node.keytab --principal='{name}'").returncode
            == 0
        )
    keytab = joined.at(At.DIRECTORY, "base64 -w 0 /tmp/node.keytab").stdout
    before = joined.at(At.NODE, f"mv {KEYTAB} /run/keytab.before && systemctl stop sssd && rm -f /var/lib/sss/db/*")
    assert before.returncode == 0
    placed = joined.at(At.NODE, f"umask 077; echo {keytab} | base64 -d >{KEYTAB}")
    assert placed.returncode == 0
    stage = "kairos-agent run-stage --strict --override-cloud-init-paths /run/imagekit-suite network"
    try:
        assert joined.at(At.NODE, stage).returncode == 0
        assert (
            joined.at(At.NODE, f"sha256sum <{KEYTAB}").stdout
            == joined.at(At.DIRECTORY, "sha256sum </tmp/node.keytab").stdout
        )
        found = joined.checked()
    finally:
        joined.at(At.NODE, f"mv /run/keytab.before {KEYTAB}; systemctl restart sssd")
    assert [(check.id, check.message) for check in found if check.outcome is not Outcome.PASSED] == []


@pytest.mark.nightly(minutes=2)
def test_the_directorys_own_policy_says_who_may_log_in(joined: AdNode) -> None:
    """Access by group policy (`access_provider = ad`), out of the controller's SYSVOL, not by a list on the node."""
    assert joined.machine.network is not None
    people = People(joined.machine.network, "node-ad.ad.imagekit.test")

    def logged_in() -> dict[str, bool]:
        found = {name: people.by_password(name, f"{name.title()}-1-imagekit", "id -un") for name in ("alice", "bob")}
        return {name: done.stdout.strip() == name for name, done in found.items()}

    made = joined.at(At.DIRECTORY, POLICY)
    assert made.returncode == 0, made.stdout + made.stderr
    policy = made.stdout.strip().splitlines()[-1]
    try:
        assert joined.at(At.NODE, f"{BY_POLICY}; {AGAIN}").returncode == 0
        assert logged_in() == {"alice": True, "bob": False}, joined.at(At.NODE, SAID).stdout
        deleted = joined.at(At.DIRECTORY, NO_POLICY.format(policy))
        assert deleted.returncode == 0, deleted.stderr
        joined.at(At.NODE, AGAIN)
        assert logged_in() == {"alice": True, "bob": True}, "without a policy everybody of the domain may"
    finally:
        joined.at(At.NODE, BY_GROUP)


@pytest.mark.nightly(minutes=0.5)
def test_the_page_shows_the_login_that_was_seen(joined: AdNode) -> None:
    assert PAGE.read_text() == page(joined.transcript())


@contextmanager
def installed(clone: Clone, folder: Path, *fixtures: str) -> Iterator[AdNode]:
    """A node with a disk, beside more fixtures; its profile comes by the machine's seed, as at a site."""
    cold = "it joins at its first boot"
    with suite_node(clone.root, IMAGE, "ad", folder, BootPath.INSTALLED, fixtures=fixtures, cold=cold) as node:
        yield AdNode(node.machine)


@pytest.mark.nightly(minutes=8)
def test_a_joined_node_keeps_its_domain_over_a_reboot(
    clone: Clone, first: First, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """W30: what is kept lies where it lasts."""
    with installed(clone, tmp_path_factory.mktemp("reboot")) as node:
        keys = _joined(node)
        assert "node-ad.ad.imagekit.test" in node.at(At.NODE, f"klist -k {KEYTAB}").stdout
        assert isinstance(node.machine.machine, InstalledNode)
        node.machine.machine.reboot()
        assert _joined(node) == keys
        _is_well(node)


@pytest.mark.nightly(minutes=8)
def test_a_joined_node_keeps_its_domain_over_an_upgrade_and_a_fallback_and_joins_again_after_a_reset(
    clone: Clone, first: First, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The image comes from the registry of the network. What a reset takes away, the directory has to give anew."""
    with installed(clone, tmp_path_factory.mktemp("life"), "registry") as node:
        shell = as_scenario(node.machine)
        keys = _joined(node)
        upgrade(node.machine, image_of(clone.root, IMAGE))
        shell.reboot()
        assert ask.mode(shell) is Mode.ACTIVE
        assert _joined(node) == keys, "after the upgrade"
        ask.select(shell, GrubEntry.PASSIVE)
        shell.reboot()
        assert ask.mode(shell) is Mode.PASSIVE
        assert _joined(node) == keys, "after the fallback"
        _is_well(node)

        # The way of docs/runbook/ad-keytab.md: the account gets another one-time password, then the node is reset.
        left = "/var/lib/sss/db/left"
        assert node.at(At.NODE, f"touch {left}").returncode == 0
        assert node.at(At.DIRECTORY, RESET).returncode == 0
        ask.select(shell, GrubEntry.RESET)
        shell.reboot_twice()
        assert ask.mode(shell) is Mode.ACTIVE
        assert _joined(node) != keys, "after the reset"
        ask.gone(shell, left)
        _is_well(node)


def _is_well(node: AdNode) -> None:
    """The whole suite passes."""
    found = node.checked()
    assert [(check.id, check.message) for check in found if check.outcome is not Outcome.PASSED] == []


def _joined(node: AdNode) -> str:
    """The digest of the keytab of a node that is joined, has its name, and knows the people of its domain."""
    assert node.at(At.NODE, JOINED).returncode == 0, node.at(At.NODE, "journalctl -b -n 60 --no-pager").stdout
    assert node.at(At.NODE, "hostname -s").stdout.strip() == "node-ad"
    known = node.at(At.NODE, until("id alice", 60))
    assert known.returncode == 0, known.stderr
    return node.at(At.NODE, f"sha256sum {KEYTAB}").stdout


@pytest.fixture(scope="module")
def two_controllers(clone: Clone, first: First, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdNode]:
    """A node that joined a domain of two controllers."""
    folder = tmp_path_factory.mktemp("failover")
    with suite_node(clone.root, IMAGE, "ad-failover", folder, BootPath.DIRECT) as node:
        yield AdNode(node.machine)


@pytest.mark.nightly(minutes=4)
def test_with_two_controllers_one_may_go_away(two_controllers: AdNode) -> None:
    found = two_controllers.checked()
    assert len(found) == 5
    assert [(check.id, check.message) for check in found if check.outcome is not Outcome.PASSED] == []


@pytest.mark.nightly(minutes=1)
@pytest.mark.parametrize("fault", FAILOVER, ids=lambda fault: fault.name.replace(" ", "-"))
def test_what_costs_the_second_controller_is_named(two_controllers: AdNode, fault: Fault) -> None:
    _is_named(two_controllers, fault)
