"""The network: one manager, one open port."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from imagekit.checks import declared
from imagekit.checks.facts import Facts

pytestmark = pytest.mark.runbook("network")


def test_network_manager_runs(host: Host, facts: Facts) -> None:
    """NetworkManager is enabled and active."""
    assert facts.unit_files["NetworkManager.service"] == "enabled"
    assert host.service("NetworkManager").is_running


def test_network_manager_has_the_interface(host: Host, facts: Facts) -> None:
    """NetworkManager is in charge of every interface with an address of the network."""
    lines = host.run("ip -4 -o addr show scope global").stdout.splitlines()
    devices = {line.split()[1] for line in lines}
    assert devices, "no interface has an address"
    assert devices <= {name for name, _, state in facts.devices if state == "connected"}


def test_no_second_manager(host: Host) -> None:
    """No other program manages the network."""
    others = ("systemd-networkd.service", "networking.service", "connman.service", "dhcpcd.service")
    assert [name for name in others if host.service(name).is_running] == []


@pytest.mark.runbook("dns")
def test_the_resolver_is_looked_after(host: Host) -> None:
    """NetworkManager or systemd-resolved owns resolv.conf: it follows the network that the node is in."""
    # What the file says proves nothing where the network names no server, so NetworkManager itself is asked.
    manager = "org.freedesktop.NetworkManager"
    asked = host.run(
        f"busctl get-property {manager} /{manager.replace('.', '/')}/DnsManager {manager}.DnsManager RcManager"
    )
    resolved = host.run("readlink -f /etc/resolv.conf").stdout.startswith("/run/systemd/resolve/")
    reported = " ".join((asked.stdout + asked.stderr).split()).removeprefix("s ") or "not told"
    servers = ", ".join(host.run("grep -h ^nameserver /etc/resolv.conf").stdout.split()[1::2]) or "no server"
    assert resolved or asked.stdout.split()[-1:] not in ([], ['"unmanaged"'], ['""']), (
        f"nobody does: NetworkManager's rc-manager is {reported}, and the file names {servers}"
    )


def test_the_node_finds_itself(host: Host) -> None:
    """localhost leads to the node itself."""
    assert host.run("getent ahosts localhost").stdout.split()[0] in ("127.0.0.1", "::1")


def test_nothing_undeclared_is_open(facts: Facts) -> None:
    """Nothing listens for the network but what the layers declare under `listens`, by the program named there."""
    assert facts.listeners, "ss did not answer"
    assert declared.undeclared(facts.listeners, declared.listens()) == []


@pytest.mark.parametrize("unit", declared.layer("base").present.masked)
def test_what_is_masked_does_not_run(facts: Facts, unit: str) -> None:
    """The unit that the layer masks is not active."""
    assert facts.units[unit].active == "inactive" if unit in facts.units else True
