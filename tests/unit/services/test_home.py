"""The embedded registry's port: found, kept, and no checkout's but one (W2)."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imagekit.config.load import load_project
from imagekit.services.home import home, move, present
from imagekit.services.model import ServiceError
from imagekit.services.registry import PortTakenError, prepare
from tests.support.project import make_project
from tests.support.smalldisk import files, read_only, small_disk


def listener(address: str) -> socket.socket:
    """Somebody else at an address."""
    host, _, port = address.rpartition(":")
    return socket.create_server((host, int(port)))


def publish(work: Path) -> None:
    """As if something was in the registry's storage."""
    (work / "registry/docker/registry/v2/repositories/imagekit").mkdir(parents=True)


def test_two_checkouts_have_two_ports(tmp_path: Path) -> None:
    """The second one failed after 13 minutes, in its last stage: 5055 was taken."""
    found = {home(tmp_path / name).address for name in ("one", "two", "three")}
    assert len(found) == 3


def test_the_port_is_kept(tmp_path: Path) -> None:
    assert home(tmp_path).address == home(tmp_path).address
    assert present(tmp_path, home(tmp_path).address) == home(tmp_path).address


def test_it_is_not_one_of_the_ports_of_outgoing_connections(tmp_path: Path) -> None:
    low, _ = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    assert int(home(tmp_path).address.rpartition(":")[2]) < int(low)


def test_side_by_side_the_same_is_recorded(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len({found.address for found in pool.map(lambda _: home(tmp_path), range(16))}) == 1


def test_an_unused_port_is_given_up_to_who_listens_there(tmp_path: Path) -> None:
    address = home(tmp_path).address
    with listener(address):
        other = home(tmp_path).address
        assert other != address
    assert home(tmp_path).address == other


def test_a_port_that_references_name_is_kept_and_said(tmp_path: Path) -> None:
    address = home(tmp_path).address
    publish(tmp_path)
    with listener(address):
        assert home(tmp_path).address == address
        with pytest.raises(PortTakenError, match=f"{address}, .* taken by") as caught:
            prepare(tmp_path, address)
    assert "imagekit services move" in caught.value.hint


def test_after_a_move_the_old_address_leads_to_the_new_one(tmp_path: Path) -> None:
    first = home(tmp_path).address
    publish(tmp_path)
    second = move(tmp_path).address
    third = move(tmp_path).address
    assert len({first, second, third}) == 3
    assert {present(tmp_path, each) for each in (first, second, third)} == {third}
    assert present(tmp_path, "127.0.0.1:1") == "127.0.0.1:1"
    assert present(tmp_path / "nothing", first) == first


def test_an_earlier_imagekits_port_is_taken_over(tmp_path: Path) -> None:
    """Its references name 127.0.0.1:5055."""
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry/config-127.0.0.1-5055.json").write_text("{}")
    assert home(tmp_path).address == "127.0.0.1:5055"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"address": "127.0.0.1:1"}'])
def test_a_record_that_cannot_be_read_is_no_reason_to_guess(tmp_path: Path, text: str) -> None:
    home(tmp_path)
    (tmp_path / "services/registry-address.json").write_text(text)
    with pytest.raises(ServiceError, match=r"registry-address\.json"):
        home(tmp_path)


def test_imagekit_yaml_wins(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    assert load_project(root).registry == home(root / ".imagekit").address
    (root / "imagekit.yaml").write_text("version: 1\nregistry: registry.example:5000\n")
    assert load_project(root).registry == "registry.example:5000"


def test_a_checkout_that_is_mounted_read_only_has_an_address_too(tmp_path: Path) -> None:
    """`config check` of a pipeline that mounts the sources read-only; the recorded address is that of before."""
    with small_disk(tmp_path / "fresh") as fresh:
        read_only(fresh)
        assert home(fresh / ".imagekit").address.startswith("127.0.0.1:")
        assert files(fresh) == []
    with small_disk(tmp_path / "used") as used:
        before = home(used / ".imagekit")
        read_only(used)
        assert home(used / ".imagekit") == before
