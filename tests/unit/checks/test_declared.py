"""K4: what is open to the network is held against what the layers declare, by port, protocol and program."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from imagekit.checks import declared
from imagekit.checks.declared import undeclared
from imagekit.checks.facts import Listener as Open
from imagekit.config.layerfile import Listener
from imagekit.config.load import load_project

ROOT = Path(__file__).parents[3]
SSH = Listener(port=22, program="sshd")
DHCP = Listener(port=68, protocol="udp", program="NetworkManager")


def opened(port: int, holders: str, *, protocol: str = "tcp", address: str = "0.0.0.0") -> Open:
    """A listening socket as ss(8) tells of it."""
    return Open(protocol, address, port, f"users:(({holders},pid=372,fd=6))")


# A real Kairos node of 2026-11-28, before its layer decided.
RPCBIND = opened(111, '"rpcbind",pid=284,fd=4),("systemd"')
LLMNR = opened(5355, '"systemd-resolve"', address="[::]")


def test_what_is_declared_may_be_open() -> None:
    found = [opened(22, '"sshd"'), opened(22, '"sshd"', address="[::]"), opened(68, '"NetworkManager"', protocol="udp")]
    assert undeclared(found, [SSH, DHCP]) == []


@pytest.mark.parametrize(
    "stranger",
    [
        RPCBIND,
        LLMNR,
        opened(111, '"rpcbind"', protocol="udp"),
        opened(22, '"dropbear"'),
        opened(22, '"sshd"', protocol="udp"),
        opened(22, '"sshd-evil"'),
        opened(8080, '"kairos-agent"', address="*"),
        opened(161, '"snmpd"', protocol="udp", address="0.0.0.0%ens3"),
        Open("udp", "0.0.0.0", 51820, ""),
    ],
    ids=lambda each: f"{each.protocol}-{each.port}-{each.holders[:20]}",
)
def test_what_is_not_declared_is_found(stranger: Open) -> None:
    assert undeclared([opened(22, '"sshd"'), stranger], [SSH, DHCP]) == [stranger]


@pytest.mark.parametrize("address", ["127.0.0.53%lo", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"])
def test_the_node_itself_may_be_listened_to(address: str) -> None:
    assert undeclared([opened(53, '"systemd-resolve"', address=address)], [SSH]) == []


def test_the_base_layer_decides_for_every_boot_path() -> None:
    layer = load_project(ROOT).layers["base"]
    assert {(each.protocol, each.port): each.only_on for each in layer.listens} == {
        ("tcp", 22): (),
        ("udp", 68): (),
        ("udp", 546): (),
        ("tcp", 8080): ("live",),
    }
    text = (ROOT / "images/base/setup.sh").read_text()
    assert [unit for unit in layer.present.masked if unit not in text] == []


def test_a_package_that_a_layer_above_takes_back_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {
        "below": "packages: {debian: [systemd-timesyncd, nano], rhel: []}",
        "above": "packages: {debian: [chrony], rhel: []}\nreplaces: {packages: [systemd-timesyncd]}",
    }
    for name, text in texts.items():
        (tmp_path / "images" / name).mkdir(parents=True)
        (tmp_path / "images" / name / "layer.yaml").write_text(f"version: 1\nname: {name}\n{text}\n")
    monkeypatch.setattr(declared, "layer", declared.layer.__wrapped__)

    def asked(*layers: str, suite: tuple[str, ...] = ()) -> tuple[str, ...]:
        checked, image_layers = (suite, layers) if suite else (layers, ())
        session = SimpleNamespace(
            layers=checked, image_layers=image_layers, images_root=str(tmp_path / "images"), family="debian"
        )
        monkeypatch.setattr(declared, "session", lambda: session)
        return declared.packages("below")

    assert asked("below", "above") == ("nano",)
    assert asked("below", "above", suite=("kubernetes", "below")) == ("nano",), (
        "the layers are the image's, not a suite's"
    )
    assert asked("below") == asked("above", "below") == ("systemd-timesyncd", "nano")
