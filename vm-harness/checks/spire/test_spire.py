"""SPIRE's agent: there, closed off, silent without a configuration, and answering its workloads with one."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from imagekit.checks import declared
from imagekit.checks.facts import Facts

pytestmark = pytest.mark.runbook("spire")
PROGRAM, UNIT, CONFIG = "/usr/bin/spire-agent", "spire-agent.service", "/etc/spire/agent.conf"
SOCKET = "/run/spire-agent/public/api.sock"
EXAMPLES = ("agent-join-token.conf", "agent-tpm.conf")
# Each is a way out of the unit that the agent does not need.
CLOSED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "PrivateTmp": "yes",
    "DevicePolicy": "closed",
    "ProtectKernelModules": "yes",
    "RestrictNamespaces": "yes",
    "CapabilityBoundingSet": "cap_dac_read_search cap_sys_ptrace",
}


@pytest.fixture(scope="session")
def configured(root: Host) -> bool:
    """Whether the node's cloud-config brought a configuration, and the system is one whose state lasts."""
    return bool(root.run("test -s %s && test ! -e /run/cos/live_mode", CONFIG).rc == 0)


@pytest.mark.container
def test_the_agent_is_a_program(host: Host) -> None:
    """The agent belongs to root and everybody may run it, nobody change it."""
    binary = host.file(PROGRAM)
    assert (binary.user, binary.mode & 0o7777, binary.size > 0) == ("root", 0o755, True)


@pytest.mark.container
def test_the_agent_is_the_declared_version(host: Host) -> None:
    """The version is the one that the layer pins."""
    done = host.run("%s --version 2>&1", PROGRAM)
    assert done.stdout.strip() == declared.layer("spire").args["SPIRE_VERSION"]


@pytest.mark.container
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_a_configuration(host: Host, name: str) -> None:
    """The agent takes this example for a configuration."""
    done = host.run("%s validate -config /usr/share/imagekit/spire/%s 2>&1", PROGRAM, name)
    assert done.rc == 0, done.stdout.strip()


@pytest.mark.container
def test_no_server_is_there(host: Host) -> None:
    """A node runs the agent, and has no program that could issue identities."""
    assert host.run("PATH=$PATH:/usr/local/bin command -v spire-server").rc != 0


@pytest.mark.container
def test_secrets_are_secret(host: Host) -> None:
    """Only root sees into /etc/spire and /var/lib/spire-agent, where join token and key lie."""
    found = {name: host.file(name) for name in ("/etc/spire", "/var/lib/spire-agent")}
    assert {name: (each.user, each.mode & 0o077) for name, each in found.items()} == dict.fromkeys(found, ("root", 0))


def test_no_secret_in_the_image(facts: Facts) -> None:
    """The image brings nothing into /etc/spire: configuration, bundle and token are the node's."""
    assert facts.image_files is not None
    assert [path for path in facts.image_files if path.startswith("/etc/spire/")] == []


@pytest.mark.boot_path("installed")
def test_the_key_outlasts_a_reboot(facts: Facts) -> None:
    """Key and certificate of the agent lie where they last on an installed node; a join token works once."""
    assert not facts.mount_of("/var/lib/spire-agent").volatile


def test_the_unit_is_enabled(host: Host) -> None:
    """The unit is enabled: a configuration is all that it waits for."""
    assert host.run("systemctl is-enabled %s", UNIT).stdout.strip() == "enabled"


def test_the_agent_waits_for_its_configuration(host: Host, root: Host, configured: bool) -> None:
    """The agent runs where there is a configuration, and only there; an unconfigured one has not failed."""
    said = host.run("systemctl show -p ActiveState -p ConditionResult %s", UNIT).stdout.split()
    wanted = "ActiveState=active" if configured else "ActiveState=inactive"
    assert wanted in said, f"{' '.join(said)}: {last_words(root)}"
    assert f"ConditionResult={'yes' if configured else 'no'}" in said


@pytest.mark.parametrize(("key", "value"), CLOSED.items(), ids=str)
def test_the_unit_is_closed_off(host: Host, key: str, value: str) -> None:
    """The unit has this limit."""
    found = host.run("systemctl show -p %s --value %s", key, UNIT).stdout.strip()
    assert " ".join(sorted(found.split())) == value


def test_a_token_is_for_root_alone(root: Host) -> None:
    """A join token, where the seed brought one, is root's alone, and no part of the configuration."""
    told = root.run("stat -c '%%a %%U' /etc/spire/join-token 2>/dev/null").stdout.split()
    assert told in ([], ["600", "root"])
    assert root.run("grep -qE '^[[:space:]]*join_token[[:space:]]*=' %s", CONFIG).rc != 0, "the token is in agent.conf"


def test_the_agent_is_well(host: Host, root: Host, configured: bool) -> None:
    """The agent answers at its socket that it is healthy: it has attested and hears its server."""
    if not configured:
        assert not host.file(SOCKET).exists, "a socket that nobody answers"
        return
    done = host.run("%s healthcheck -socketPath %s 2>&1", PROGRAM, SOCKET)
    assert done.rc == 0, f"{done.stdout.strip()}: {last_words(root)}"


def test_every_user_may_ask(host: Host, configured: bool) -> None:
    """A workload of any user reaches the socket, and nobody can put another one in its place."""
    if not configured:
        return
    assert host.file(SOCKET).mode & 0o777 == 0o777
    assert host.file("/run/spire-agent/public").mode & 0o022 == 0


def last_words(root: Host) -> str:
    """The end of the agent's journal, in one line."""
    return " / ".join(root.run("journalctl -b -u %s -n 4 -o cat --no-pager", UNIT).stdout.strip().splitlines())
