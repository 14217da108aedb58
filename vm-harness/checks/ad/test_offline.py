"""The directory is away: who logged in before still gets in. The last file, as it takes the directory away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from testinfra.host import Host

from imagekit.checks.directory import People
from imagekit.fixtures.network import FixtureNetwork

pytestmark = [pytest.mark.runbook("ad-offline"), pytest.mark.usefixtures("directory_away")]
ALICE = "Alice-1-imagekit"
CONTROLLER = "10.0.2.10/24"


@pytest.fixture(scope="module")
def directory_away(people: People, network: FixtureNetwork, root: Host) -> Iterator[None]:
    """The controller's address is gone for the time of these checks; alice logged in while it was there."""
    people.by_password("alice", ALICE, "true")
    network.run(["ip", "address", "del", CONTROLLER, "dev", "tap0"])
    root.run("systemctl kill -s USR1 sssd")  # sssd(8): go offline now, instead of at the next question
    yield
    network.run(["ip", "address", "add", CONTROLLER, "dev", "tap0"])
    root.run("systemctl kill -s USR2 sssd")


def test_an_account_is_known_without_the_directory(host: Host) -> None:
    """An account that was seen before is known while no controller answers."""
    assert host.run("id alice").stdout.startswith("uid=")


def test_login_without_the_directory(people: People) -> None:
    """Who logged in before gets in by password while no controller answers."""
    done = people.by_password("alice", ALICE, "id -un")
    assert done.stdout.strip() == "alice", f"no login from the cache: {(done.stderr + done.stdout).strip()}"


def test_a_wrong_password_is_none_without_the_directory(people: People) -> None:
    """A wrong password does not log in from the cache either."""
    assert people.by_password("alice", "wrong", "id -un").returncode != 0


def test_sudo_without_the_directory(people: People) -> None:
    """Groups, and so sudo, hold while no controller answers."""
    assert people.by_password("alice", ALICE, "sudo -n id -un").stdout.strip() == "root"
