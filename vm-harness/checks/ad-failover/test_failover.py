"""One of two controllers goes away: the node goes on with the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from testinfra.backend.base import CommandResult
from testinfra.host import Host

from imagekit.checks.directory import KEYTAB, SSSD_CONF, People, cause, domain_of
from imagekit.checks.until import until
from imagekit.fixtures.network import FixtureNetwork

pytestmark = pytest.mark.runbook("ad-failover")
FIRST, SECOND = "dc1.ad.imagekit.test", "dc2.ad.imagekit.test"
ADDRESS = "10.0.2.10/24"


@pytest.fixture(scope="session")
def name(root: Host) -> str:
    """The domain in the node's sssd.conf."""
    return domain_of(root.run("cat %s", SSSD_CONF).stdout).name


@pytest.fixture(scope="session")
def people(network: FixtureNetwork, host: Host, name: str) -> People:
    """Who logs in."""
    return People(network, f"{host.run('hostname -s').stdout.strip()}.{name}")


@pytest.fixture(scope="module")
def both(network: FixtureNetwork, root: Host) -> None:
    """DNS names both controllers, the second one has what the first one had, and SSSD has seen nobody but alice."""
    told = network.run(["sh", "/srv/ad2/announce"], timeout=240)
    assert told.returncode == 0, told.stderr
    # Whom it has seen before it lets in without any controller.
    root.run("systemctl stop sssd; rm -f /var/lib/sss/db/* /var/lib/sss/mc/*; systemctl start sssd")
    root.run(until("id alice >/dev/null 2>&1", 60))


@pytest.fixture(scope="module")
def first_away(network: FixtureNetwork, both: None) -> Iterator[None]:
    """The first controller's address is gone."""
    network.run(["ip", "address", "del", ADDRESS, "dev", "tap0"])
    yield
    network.run(["ip", "address", "add", ADDRESS, "dev", "tap0"])


def status(root: Host, name: str) -> str:
    """What SSSD says of the domain and its servers."""
    return str(root.run("sssctl domain-status %s 2>&1", name).stdout)


def ticket(root: Host, host: Host, then: str) -> CommandResult:
    """What a command says that runs with a ticket of the node's own account."""
    account = f"{host.run('hostname -s').stdout.strip().upper()}$"
    made = f"d=$(mktemp -d); export KRB5CCNAME=FILE:$d/cc; kinit -k -t {KEYTAB} '{account}' 2>&1 && {then} 2>&1"
    return root.run(f"{made}; found=$?; rm -rf $d; exit $found")


def test_the_node_knows_both_controllers(root: Host, name: str, both: None) -> None:
    """The node has found both controllers of its domain."""
    said = status(root, name)
    unknown = [each for each in (FIRST, SECOND) if each not in said]
    assert unknown == [], f"{', '.join(unknown)} is not known: {said.strip()}"


@pytest.mark.usefixtures("first_away")
def test_the_computer_account_logs_in_there(root: Host, host: Host) -> None:
    """The node's own account gets a ticket of the second controller."""
    done = ticket(root, host, "true")
    assert done.rc == 0, f"no ticket: {cause(done.stdout)}"


@pytest.mark.usefixtures("first_away")
def test_the_second_controllers_directory_takes_a_ticket(root: Host, host: Host) -> None:
    """The node's account gets a ticket for the second controller's directory, without which SSSD cannot ask it."""
    done = ticket(root, host, f"kvno ldap/{SECOND}")
    assert done.rc == 0, f"no ticket for ldap/{SECOND}: {cause(done.stdout)}"


@pytest.mark.usefixtures("first_away")
def test_somebody_new_logs_in_while_the_first_is_away(people: People) -> None:
    """Somebody whom the node has never seen logs in by password while the first controller is away."""
    done = people.by_password("bob", "Bob-1-imagekit", "id -un")
    assert done.stdout.strip() == "bob", f"no login by the second controller: {(done.stderr + done.stdout).strip()}"


@pytest.mark.usefixtures("first_away")
def test_the_second_controller_is_the_one_in_use(root: Host, name: str) -> None:
    """SSSD is online, with the second controller."""
    said = status(root, name)
    assert "Online status: Online" in said, f"SSSD has no controller: {said.strip()}"
    used = [line for line in said.splitlines() if line.strip().startswith("AD Domain Controller:")]
    assert any(SECOND in line for line in used), f"SSSD uses {' '.join(used) or 'none'}"
