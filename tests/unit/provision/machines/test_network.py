"""QEMU's network around the address that a node's cloud-config gives it."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagekit.base.errors import ConfigError
from imagekit.provision.machines.network import Ipv4, address_in, user_network

PROFILE = """\
#cloud-config
stages:
  initramfs:
    - files:
        - path: /etc/NetworkManager/system-connections/imagekit.nmconnection
          content: |
            [ipv4]
            method=manual
            address1={}
            gateway={}
"""


def test_the_address_is_read_out_of_the_rendered_profile() -> None:
    found = address_in(PROFILE.format("10.20.0.11/24", "10.20.0.1"))
    assert found == Ipv4(IPv4Interface("10.20.0.11/24"), IPv4Address("10.20.0.1"))
    assert address_in("#cloud-config\nhostname: x\n") is None
    assert address_in("") is None


@pytest.mark.parametrize("address", ["10.20.0.300/24", "10.20.0.1/99", "fe80::1/64", "x"])
def test_a_profile_that_cannot_be_read(address: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        address_in(PROFILE.format(address, ""))


def test_a_network_of_qemu_s_own() -> None:
    made = user_network(2222, Ipv4(IPv4Interface("10.20.0.11/24"), IPv4Address("10.20.0.1")))
    assert made == (
        "user,id=n0,net=10.20.0.0/24,host=10.20.0.1,dns=10.20.0.254,dhcpstart=10.20.0.253,restrict=on,"
        "hostfwd=tcp:127.0.0.1:2222-10.20.0.11:22"
    )
    assert user_network(2222, None) == "user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:2222-:22"


def test_a_network_too_small_for_it() -> None:
    with pytest.raises(ConfigError, match="too small"):
        user_network(2222, Ipv4(IPv4Interface("10.20.0.1/30")))


@given(
    st.integers(16, 28).flatmap(
        lambda prefix: st.tuples(
            st.just(IPv4Network((0x0A000000, prefix))), st.integers(1, 2 ** (32 - prefix) - 2), st.integers(0, 300)
        )
    )
)
def test_nobody_gets_the_node_s_address(drawn: tuple[IPv4Network, int, int]) -> None:
    network, number, gateway = drawn
    address = Ipv4(IPv4Interface(f"{network[number]}/{network.prefixlen}"), IPv4Address(0x0A000000 + gateway))
    made = user_network(1, address)
    own = [IPv4Address(each) for each in re.findall(r"(?:host|dns|dhcpstart)=([0-9.]+)", made)]
    assert len(set(own)) == 3
    assert address.interface.ip not in own
    assert all(each in network and each not in (network.network_address, network.broadcast_address) for each in own)
