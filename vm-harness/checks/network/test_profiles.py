"""Each kind of profile that the suite's cloud-config brings is in force, and a bad one is ignored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from testinfra.host import Host

from imagekit.checks.until import until

pytestmark = pytest.mark.runbook("static-address")
# The cards of the suite's machine by their slots; the first is the one that SSH comes by.
SSH_CARD, FIRST, SECOND, THIRD, FOURTH = (f"enp0s{slot}" for slot in (16, 17, 18, 19, 20))

Links = dict[str, dict[str, Any]]
Addresses = dict[str, set[str]]
_LAST = ("br0", "bond0", "vlan20")


@pytest.fixture(scope="session")
def settled(host: Host) -> None:
    """Until the links that depend on others have their addresses, fifty seconds at most."""
    host.run(until(" && ".join(f"ip -4 -br address show dev {name} 2>/dev/null | grep -q /" for name in _LAST), 50))


@pytest.fixture(scope="session")
def links(host: Host, settled: None) -> Links:
    """Every link by its name: MTU, kind, which other it belongs to."""
    return {row["ifname"]: row for row in json.loads(host.run("ip -j -d link").stdout)}


@pytest.fixture(scope="session")
def addresses(host: Host, settled: None) -> Addresses:
    """Addresses that others can reach, with their prefix, by link."""
    rows = json.loads(host.run("ip -j address").stdout)
    return {
        row["ifname"]: {
            f"{each['local']}/{each['prefixlen']}" for each in row["addr_info"] if each["scope"] == "global"
        }
        for row in rows
    }


def test_cards_are_named_after_their_slots(links: Links) -> None:
    """A network card is named after its place on the bus, which no other kernel changes."""
    assert set(links) >= {SSH_CARD, FIRST, SECOND, THIRD, FOURTH}


def test_both_families_on_one_card(addresses: Addresses) -> None:
    """A card has the fixed addresses of both families that its profile says, and no others."""
    assert addresses.get(FIRST) == {"192.0.2.10/24", "2001:db8:1::10/64"}


def test_the_size_of_packets(links: Links) -> None:
    """A card has the MTU of its profile."""
    assert links.get(FIRST, {}).get("mtu") == 1400


def test_a_virtual_lan(links: Links, addresses: Addresses) -> None:
    """A VLAN is on its card, with its number and address."""
    assert addresses.get("vlan20") == {"192.0.20.10/24"}
    assert links["vlan20"]["linkinfo"]["info_data"]["id"] == 20
    assert links["vlan20"]["link"] == FIRST


def test_a_network_of_version_six_alone(addresses: Addresses) -> None:
    """A link without IPv4 has its IPv6 address alone."""
    assert addresses.get("vlan30") == {"2001:db8:30::10/64"}


def test_a_bond(links: Links, addresses: Addresses) -> None:
    """A bond has both of its cards, and its address."""
    assert addresses.get("bond0") == {"198.51.100.10/24"}
    assert {name for name, row in links.items() if row.get("master") == "bond0"} == {SECOND, THIRD}


def test_a_bridge(links: Links, addresses: Addresses) -> None:
    """A bridge has its card, and its address."""
    assert addresses.get("br0") == {"203.0.113.10/24"}
    assert {name for name, row in links.items() if row.get("master") == "br0"} == {FOURTH}


@pytest.mark.runbook("dns")
def test_name_server_and_search_domain(host: Host, settled: None) -> None:
    """Name server and search domain of a profile are the resolver's."""
    said = host.run("cat /etc/resolv.conf").stdout
    assert "lab.example.com" in said, said
    assert "192.0.2.53" in said, said


@pytest.mark.runbook("proxy")
def test_a_login_has_the_proxy(host: Host) -> None:
    """A login has the proxy's variables."""
    found = host.run("env | grep -i _proxy | sort").stdout.split()
    assert found == ["https_proxy=http://proxy.example.com:3128", "no_proxy=localhost,10.0.0.0/8"]


def test_a_profile_that_others_may_read_is_ignored(addresses: Addresses) -> None:
    """A profile with a mode that is too open changes nothing: the card of SSH keeps its address from DHCP."""
    found = addresses.get(SSH_CARD, set())
    assert "10.0.2.15/24" in found
    assert "192.0.2.66/24" not in found


@pytest.mark.parametrize("name", ["open", "broken"])
def test_an_ignored_profile_is_told(root: Host, name: str) -> None:
    """NetworkManager says in the journal which profile it ignores."""
    done = root.run(f"journalctl -b -u NetworkManager --no-pager | grep {name}.nmconnection")
    assert done.rc == 0, "nothing in the journal"
