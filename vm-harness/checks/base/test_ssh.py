"""The SSH server, by what it says itself (sshd -T): its files may be overruled elsewhere."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from imagekit.checks.facts import Facts

pytestmark = pytest.mark.runbook("ssh")


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("permitrootlogin", "no"),
        ("permitemptypasswords", "no"),
        ("pubkeyauthentication", "yes"),
        ("kbdinteractiveauthentication", "no"),
        ("allowtcpforwarding", "no"),
        ("allowagentforwarding", "no"),
        ("x11forwarding", "no"),
        ("strictmodes", "yes"),
    ],
)
@pytest.mark.container
def test_sshd_keyword(facts: Facts, keyword: str, value: str) -> None:
    """The SSH server has this keyword set as hardened."""
    assert facts.sshd[keyword] == (value,)


@pytest.mark.container
def test_two_tries(facts: Facts) -> None:
    """Whoever logs in has two tries at most."""
    assert int(facts.sshd["maxauthtries"][0]) <= 2


@pytest.mark.container
def test_no_weak_key_exchange(facts: Facts) -> None:
    """The server offers no key exchange that rests on SHA-1."""
    assert [name for name in facts.sshd["kexalgorithms"][0].split(",") if name.endswith("sha1")] == []


@pytest.mark.container
def test_no_weak_host_key_algorithm(facts: Facts) -> None:
    """The server signs neither with DSA nor with SHA-1."""
    offered = facts.sshd["hostkeyalgorithms"][0].split(",")
    assert not {"ssh-dss", "ssh-rsa"} & set(offered)


def test_host_keys_are_secret(host: Host, facts: Facts) -> None:
    """Each private host key belongs to root and nobody else reads it."""
    keys = [file for file in map(host.file, facts.sshd["hostkey"]) if file.exists]
    assert keys
    assert all(file.user == "root" and file.mode & 0o037 == 0 for file in keys)


@pytest.mark.container
def test_a_password_does_not_open_root(facts: Facts) -> None:
    """Root has no empty password."""
    assert facts.passwords["root"] != "empty"
