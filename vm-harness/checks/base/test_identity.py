"""What makes a node this one must not come with the image, or all nodes were the same."""

from __future__ import annotations

import re

import pytest

from imagekit.checks.facts import Facts, File

pytestmark = pytest.mark.runbook("identity")


@pytest.fixture(scope="session")
def image(facts: Facts) -> dict[str, File]:
    """Files of the image itself, below whatever this boot wrote over them."""
    assert facts.image_files, "the image below the running root could not be looked at"
    return dict(facts.image_files)


def test_no_host_key_in_the_image(image: dict[str, File]) -> None:
    """The image holds no SSH host key."""
    assert "/etc/ssh" in image
    assert [path for path in image if re.fullmatch(r"/etc/ssh/ssh_host_.*", path)] == []


def test_no_machine_id_in_the_image(image: dict[str, File]) -> None:
    """The image's machine-id is empty or absent."""
    assert image["/etc/machine-id"].size in (0, len("uninitialized\n")) if "/etc/machine-id" in image else True


def test_no_machine_id_by_the_back_door(image: dict[str, File]) -> None:
    """D-Bus has no machine-id of its own in the image."""
    other = image.get("/var/lib/dbus/machine-id")
    assert other is None or other.kind == "l" or other.size == 0


def test_no_name_in_the_image(image: dict[str, File]) -> None:
    """The image gives no host name."""
    assert "/etc/hostname" not in image or image["/etc/hostname"].size == 0


def test_no_login_key_in_the_image(image: dict[str, File]) -> None:
    """Nobody has an authorized_keys file in the image."""
    assert [path for path in image if path.endswith("/authorized_keys")] == []


def test_no_random_seed_in_the_image(image: dict[str, File]) -> None:
    """The image holds no random seed that two nodes would share."""
    assert [path for path in image if path.endswith("random-seed")] == []


def test_no_network_secret_in_the_image(image: dict[str, File]) -> None:
    """NetworkManager's secret key is made by the node."""
    assert "/var/lib/NetworkManager/secret_key" not in image


def test_the_node_has_its_own_id(facts: Facts) -> None:
    """The running node has a machine-id of 32 hex digits."""
    assert re.fullmatch(r"[0-9a-f]{32}", facts.machine_id)
    assert facts.machine_id != "0" * 32


def test_the_node_has_a_usable_name(facts: Facts) -> None:
    """The host name is one that Kubernetes takes for a node (RFC 1123), and not that of the distribution."""
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9-]+)*", facts.hostname)
    assert facts.hostname not in ("localhost", "debian", "localhost.localdomain")
