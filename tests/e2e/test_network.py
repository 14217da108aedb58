"""NetworkManager on a machine with several cards: every kind of profile out of one cloud-config, and a way back."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.conftest import IMAGE, Clone

pytestmark = [pytest.mark.vm, pytest.mark.online]
SSH_CARD, FIRST, SECOND, THIRD, FOURTH = "enp0s16", "enp0s17", "enp0s18", "enp0s19", "enp0s20"


def profile(name: str, mode: str, text: str) -> str:
    """A step that writes a NetworkManager profile."""
    lines = "".join(f"            {line}\n" for line in text.strip().splitlines())
    path = f"/etc/NetworkManager/system-connections/{name}.nmconnection"
    return f"        - path: {path}\n          permissions: {mode}\n          content: |\n{lines}"


def keyfile(name: str, kind: str, card: str, more: str = "", ip: str = "") -> str:
    """A profile in NetworkManager's keyfile format, nm-settings-keyfile(5)."""
    address = f"method=manual\naddress1={ip}" if ip else "method=disabled"
    return (
        f"[connection]\nid={name}\ntype={kind}\ninterface-name={card}\nautoconnect-priority=10\n"
        f"{more}\n[ipv4]\n{address}\n[ipv6]\nmethod=disabled\n"
    )


def port(card: str, controller: str, kind: str) -> str:
    """A card that belongs to a bond or a bridge."""
    return f"[connection]\nid={card}\ntype=ethernet\ninterface-name={card}\ncontroller={controller}\nport-type={kind}\n"


STATIC = (
    f"[connection]\nid=static\ntype=ethernet\ninterface-name={FIRST}\n[ethernet]\nmtu=1400\n"
    "[ipv4]\nmethod=manual\naddress1=192.0.2.10/24\ndns=192.0.2.53;\ndns-search=lab.example.com;\n"
    "[ipv6]\nmethod=manual\naddress1=2001:db8:1::10/64\n"
)
CONFIG = (
    "#cloud-config\nstages:\n  initramfs:\n    - name: Lab\n      files:\n"
    + profile("static", "0600", STATIC)
    + profile("vlan", "0600", keyfile("vlan", "vlan", "vlan20", f"[vlan]\nid=20\nparent={FIRST}", "192.0.20.10/24"))
    + profile("bond", "0600", keyfile("bond", "bond", "bond0", "[bond]\nmode=active-backup", "198.51.100.10/24"))
    + profile("bond-a", "0600", port(SECOND, "bond0", "bond"))
    + profile("bond-b", "0600", port(THIRD, "bond0", "bond"))
    + profile("bridge", "0600", keyfile("bridge", "bridge", "br0", "[bridge]\nstp=false", "203.0.113.10/24"))
    + profile("bridge-a", "0600", port(FOURTH, "br0", "bridge"))
    # Readable for others, and one that makes no sense: NetworkManager ignores both, and says so.
    + profile("open", "0644", keyfile("open", "ethernet", SSH_CARD, ip="192.0.2.66/24"))
    + profile("broken", "0600", "[connection]\nid=broken\ntype=nonsense\n")
    + "        - path: /etc/environment\n          permissions: 0644\n          content: |\n"
    "            https_proxy=http://proxy.example.com:3128\n            no_proxy=localhost,10.0.0.0/8\n"
)
# The checkpoint is taken back by NetworkManager itself after 12 s, whoever still listens.
QUESTIONS = """
sudo nmcli -w 20 networking connectivity >/dev/null 2>&1
up() { ip -br addr show $1 2>/dev/null | grep -q $2; }
for i in $(seq 30); do up br0 203 && up bond0 198 && break; sleep 1; done
echo "=address $(ip -j address)"
echo "=links $(ip -j -d link)"
echo "=resolv $(grep -v '^#' /etc/resolv.conf | tr '\\n' ' ')"
echo "=environment $(env | grep -i _proxy | sort | tr '\\n' ' ')"
echo "=journal $(sudo journalctl -b -u NetworkManager --no-pager | grep -ciE 'open.nmconnection|broken.nmconnection')"
manager=org.freedesktop.NetworkManager
place=/org/freedesktop/NetworkManager
sudo busctl call $manager $place $manager CheckpointCreate aouu 0 12 0 >/dev/null && echo "=checkpoint yes"
sudo nmcli device modify enp0s16 ipv4.method manual ipv4.addresses 192.0.2.99/24 >/dev/null 2>&1
echo "=cut $(ip -br -4 addr show enp0s16 | tr -s ' ')"
sleep 25
echo "=back $(ip -br -4 addr show enp0s16 | tr -s ' ')"
"""


def addresses(said: Mapping[str, str]) -> dict[str, set[str]]:
    """Global addresses with their prefix, by interface."""
    rows: list[dict[str, Any]] = json.loads(said["address"])
    return {
        row["ifname"]: {
            f"{each['local']}/{each['prefixlen']}" for each in row["addr_info"] if each["scope"] == "global"
        }
        for row in rows
    }


@pytest.mark.nightly(minutes=6)
def test_every_kind_of_profile_is_in_force_and_a_bad_one_costs_no_login(pristine: Clone) -> None:
    images = pristine.root / "images/images.yaml"
    text = images.read_text()
    text = text.replace(
        "cloud_config: [cloud-config/node.yaml]", "cloud_config: [cloud-config/node.yaml, cloud-config/lab.yaml]", 1
    )
    images.write_text(text.replace("firmware: bios}", "firmware: bios, extra_nics: 4}", 1))
    (pristine.root / "cloud-config/lab.yaml").write_text(CONFIG)
    coded = base64.b64encode(QUESTIONS.encode()).decode()
    done = pristine.imagekit("shell", IMAGE, "--boot", "live", "--", f"echo {coded} | base64 -d | bash")
    assert done.returncode == 0, done.stdout + done.stderr[-6000:]
    said = dict(
        line[1:].rstrip().split(" ", 1) for line in done.stdout.splitlines() if line.startswith("=") and " " in line
    )

    found = addresses(said)
    assert found[FIRST] == {"192.0.2.10/24", "2001:db8:1::10/64"}
    assert found["vlan20"] == {"192.0.20.10/24"}
    assert found["bond0"] == {"198.51.100.10/24"}
    assert found["br0"] == {"203.0.113.10/24"}
    assert "10.0.2.15/24" in found[SSH_CARD], "the profile that others may read was taken, or DHCP did not answer"

    links = {row["ifname"]: row for row in json.loads(said["links"])}
    assert links[FIRST]["mtu"] == 1400
    assert links["vlan20"]["linkinfo"]["info_data"]["id"] == 20
    assert {name for name, row in links.items() if row.get("master") == "bond0"} == {SECOND, THIRD}
    assert {name for name, row in links.items() if row.get("master") == "br0"} == {FOURTH}

    assert "lab.example.com" in said["resolv"]
    assert "192.0.2.53" in said["resolv"]
    assert said["environment"].split() == ["https_proxy=http://proxy.example.com:3128", "no_proxy=localhost,10.0.0.0/8"]
    assert int(said["journal"]) >= 1, "NetworkManager did not say which profile it ignores"

    assert said["checkpoint"] == "yes"
    assert "192.0.2.99" in said["cut"], "the bad address was not even taken, so nothing is proven"
    assert "10.0.2.15" in said["back"], "NetworkManager did not go back to what was before"
    assert "192.0.2.99" not in said["back"]
