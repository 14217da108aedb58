"""People of the directory on the node: who they are, how they come in, what they may."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from imagekit.checks.directory import People

pytestmark = pytest.mark.runbook("ad-login")
ALICE, BOB, EVE = "Alice-1-imagekit", "Bob-1-imagekit", "Eve-1-imagekit"  # public: vm-harness/fixtures/ad.yaml


def account(host: Host, user: str) -> str:
    """What ``id`` says; SSSD may still be on its way after its start."""
    asked = "for i in 1 2 3 4 5 6 7 8 9 10; do id %s 2>&1 && break; sleep 1; done"
    return str(host.run(asked, user).stdout).strip().splitlines()[-1]


@pytest.mark.parametrize("user", ["alice", "bob", "alice@ad.imagekit.test"])
def test_an_account_is_found(host: Host, user: str) -> None:
    """An account of the directory is one of the node, by its short and its full name."""
    found = account(host, user)
    assert found.startswith("uid="), f"{found}; is SSSD online?"


def test_nested_groups_count(host: Host) -> None:
    """Who is in a group through another group is in it on the node."""
    found = account(host, "alice")
    missing = [name for name in ("platform-team", "linux-admins", "linux-users") if f"({name})" not in found]
    assert missing == [], f"alice is not in {', '.join(missing)}: {found}"


def test_a_group_that_one_is_not_in_does_not_count(host: Host) -> None:
    """Who is not in the administrators' group is not in it on the node."""
    assert "(linux-admins)" not in account(host, "bob")


def test_an_account_that_is_not_there_is_unknown(host: Host) -> None:
    """A name that neither node nor directory has is answered with no."""
    assert host.run("id nobody-of-this-name").rc != 0


def test_login_by_password(people: People) -> None:
    """Somebody of the directory logs in over SSH by password."""
    done = people.by_password("alice", ALICE, "id -un")
    assert done.stdout.strip() == "alice", f"no login: {(done.stderr + done.stdout).strip()}"


def test_a_wrong_password_is_none(people: People) -> None:
    """A wrong password does not log in."""
    done = people.by_password("alice", "wrong", "id -un")
    assert done.returncode != 0
    assert "alice" not in done.stdout


def test_login_by_ticket(people: People) -> None:
    """Somebody with a Kerberos ticket logs in over SSH without a password (GSSAPI)."""
    done = people.by_ticket("alice", ALICE, "id -un")
    assert done.stdout.strip() == "alice", f"no login by GSSAPI: {(done.stderr + done.stdout).strip()}"


def test_a_login_brings_a_ticket(people: People) -> None:
    """Who logs in by password has a ticket of the directory afterwards."""
    done = people.by_password("bob", BOB, "klist")
    assert "krbtgt/" in done.stdout, f"no ticket: {(done.stdout + done.stderr).strip()}"


@pytest.mark.runbook("ad-home")
def test_a_home_is_there(people: People) -> None:
    """The first login makes a home directory, into which nobody else may write."""
    done = people.by_password("bob", BOB, "pwd; stat -c '%U %a' .")
    words = done.stdout.split()
    assert words[:2] == ["/home/bob", "bob"], f"no home: {(done.stdout + done.stderr).strip()}"
    assert int(words[2], 8) & 0o022 == 0, f"/home/bob has mode {words[2]}: others may write into it"


@pytest.mark.runbook("ad-sudo")
def test_an_administrators_group_may_sudo(people: People) -> None:
    """A group of the directory gives its members, nested ones too, sudo."""
    done = people.by_ticket("alice", ALICE, "sudo -n id -un")
    assert done.stdout.strip() == "root", f"no sudo: {(done.stdout + done.stderr).strip()}"


@pytest.mark.runbook("ad-sudo")
def test_others_may_not_sudo(people: People) -> None:
    """Who is not in that group has no sudo."""
    done = people.by_password("bob", BOB, "sudo -n id -un")
    assert "root" not in done.stdout, "bob, who is in no group of administrators, has sudo"
    assert done.returncode != 0


@pytest.mark.runbook("ad-access")
def test_access_is_for_the_groups_that_are_named(people: People) -> None:
    """Somebody of the directory who is in none of the groups that may log in stays out."""
    assert people.by_password("bob", BOB, "true").returncode == 0, "bob, who may log in, does not get in either"
    done = people.by_password("eve", EVE, "id -un")
    assert done.returncode != 0, "eve logged in and is in no group that may: see access_provider in sssd.conf"
