"""The node's domain as its own files say it, and people of that domain."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from imagekit.checks.directory import SSSD_CONF, Domain, People, domain_of
from imagekit.fixtures.network import FixtureNetwork


@pytest.fixture(scope="session")
def domain(root: Host) -> Domain:
    """The domain in the node's sssd.conf."""
    return domain_of(root.run("cat %s", SSSD_CONF).stdout)


@pytest.fixture(scope="session")
def node_name(host: Host, domain: Domain) -> str:
    """The node's name in its domain."""
    return f"{host.run('hostname -s').stdout.strip()}.{domain.name}"


@pytest.fixture(scope="session")
def controller(host: Host, domain: Domain) -> str:
    """What adcli finds out about the domain on the node, errors too."""
    return str(host.run("PATH=$PATH:/usr/sbin adcli info %s 2>&1", domain.name).stdout).strip()


@pytest.fixture(scope="session")
def people(network: FixtureNetwork, node_name: str) -> People:
    """Who logs in."""
    return People(network, node_name)
