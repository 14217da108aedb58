"""NetworkManager on a machine with several cards: the suite passes, also after a reboot, and faults are named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from imagekit.app.interface import Subject
from imagekit.app.local import LocalBackend, LocalMachine
from imagekit.app.target import suites_of, with_suite
from imagekit.build.builder import earlier_build
from imagekit.checks.named import named_suites
from imagekit.checks.outcome import CheckResult, Outcome
from imagekit.checks.runner import run_suites
from imagekit.checks.selection import Selection
from imagekit.config.load import load_project
from imagekit.machine.interface import BootPath
from imagekit.plan.resolve import make_plan
from tests.e2e.conftest import IMAGE, ROOT, Clone

pytestmark = [
    pytest.mark.vm,
    pytest.mark.online,
    pytest.mark.skipif(os.geteuid() != 0, reason="a network of its own needs root"),
]
CONNECTIONS = "/etc/NetworkManager/system-connections"
# What breaks it, the check that sees it, what that says, the page, and what mends it.
FAULTS = {
    "wrong MTU": (
        "ip link set enp0s17 mtu 1500",
        "test_the_size_of_packets",
        "1500",
        "static-address",
        "ip link set enp0s17 mtu 1400",
    ),
    "second address": (
        "ip address add 192.0.2.77/24 dev enp0s17",
        "test_both_families_on_one_card",
        "192.0.2.77/24",
        "static-address",
        "ip address del 192.0.2.77/24 dev enp0s17",
    ),
    "bond without its second card": (
        "nmcli connection down bond-b",
        "test_a_bond",
        "enp0s19",
        "static-address",
        "nmcli connection up bond-b",
    ),
    "no proxy": (
        "mv /etc/environment /etc/environment.off",
        "test_a_login_has_the_proxy",
        "proxy",
        "proxy",
        "mv /etc/environment.off /etc/environment",
    ),
}


@pytest.fixture(scope="module")
def node(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalMachine]:
    """An installed node of the suite, with its cards and its cloud-config from the first boot on."""
    assert clone.imagekit("build", IMAGE).returncode == 0
    project = load_project(clone.root)
    image = earlier_build(project.work, make_plan(project, IMAGE))
    assert image is not None
    folder = tmp_path_factory.mktemp("network")
    subject = Subject(project=project, name=IMAGE, run_id="network", folder=folder, image=image)
    asked = with_suite(subject, named_suites(ROOT / "vm-harness")["network"])
    backend = LocalBackend()
    with backend.boot(asked, backend.disks(asked, (BootPath.INSTALLED,)), BootPath.INSTALLED) as machine:
        assert isinstance(machine, LocalMachine)
        yield machine


def checked(machine: LocalMachine, name: str = "") -> tuple[CheckResult, ...]:
    """The checks of the suite of this name, or all."""
    subject = replace(machine.subject, selection=Selection(expression=name))
    found = run_suites(
        machine.machine, subject.checked, suites_of(subject, BootPath.INSTALLED), network=machine.network
    )
    return found.checks


def wrong(checks: tuple[CheckResult, ...]) -> list[tuple[str, str]]:
    """Those that did not pass, and what they say."""
    return [(check.id, check.message) for check in checks if check.outcome is not Outcome.PASSED]


@pytest.mark.nightly(minutes=6)
def test_every_kind_of_profile_is_in_force_and_a_bad_one_costs_no_login(node: LocalMachine) -> None:
    found = checked(node)
    assert len(found) > 12
    assert wrong(found) == []


@pytest.mark.nightly(minutes=0.5)
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named_by_its_check(node: LocalMachine, name: str) -> None:
    plant, check, says, page, heal = FAULTS[name]
    assert node.machine.run(plant).returncode == 0
    try:
        found = checked(node, check)
    finally:
        assert node.machine.run(heal).returncode == 0
    failed = [each for each in found if each.outcome is Outcome.FAILED]
    assert failed, "the check did not see it"
    assert says in failed[0].message
    assert failed[0].runbook == page


@pytest.mark.nightly(minutes=3)
def test_all_of_it_survives_a_reboot(node: LocalMachine) -> None:
    names = "ls /sys/class/net | sort"
    before = node.machine.run(names).stdout
    node.machine.reboot()
    node.machine.run(
        "for i in $(seq 60); do ip -4 -br address show dev br0 2>/dev/null | grep -q / && break; sleep 1; done"
    )
    assert node.machine.run(names).stdout == before
    assert wrong(checked(node)) == []
