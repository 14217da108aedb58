"""NetworkManager on a machine with several cards: the suite passes, also after a reboot, and faults are named."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from imagekit.machine.interface import BootPath
from tests.e2e.conftest import IMAGE, Clone
from tests.support.plantedfaults import NETWORK, NodeFault
from tests.support.suitenode import SuiteNode, suite_node

pytestmark = [
    pytest.mark.vm,
    pytest.mark.online,
    pytest.mark.skipif(os.geteuid() != 0, reason="a network of its own needs root"),
]
BUNDLE, IMAGES = "/etc/ssl/certs/ca-certificates.crt", "/usr/share/imagekit/ca-trust/ca-certificates.crt"
PEM = "-----BEGIN CERTIFICATE-----"
UP = "for i in $(seq 60); do ip -4 -br address show dev br0 2>/dev/null | grep -q / && exit 0; sleep 1; done; exit 1"


@pytest.fixture(scope="module")
def node(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SuiteNode]:
    """An installed node of the suite, with its cards and its cloud-config from the first boot on."""
    assert clone.imagekit("build", IMAGE).returncode == 0
    folder = tmp_path_factory.mktemp("network")
    with suite_node(clone.root, IMAGE, "network", folder, BootPath.INSTALLED) as made:
        yield made


@pytest.mark.nightly(minutes=6)
def test_every_kind_of_profile_is_in_force_and_a_bad_one_costs_no_login(node: SuiteNode) -> None:
    assert len(node.checked()) > 12
    assert node.wrong() == []


@pytest.mark.nightly(minutes=0.5)
@pytest.mark.parametrize("fault", NETWORK, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_planted_fault_is_named_by_its_check(node: SuiteNode, fault: NodeFault) -> None:
    node.named(fault)


@pytest.mark.nightly(minutes=3)
def test_all_of_it_survives_a_reboot(node: SuiteNode) -> None:
    names = "ls /sys/class/net | sort"
    before = node.run(names)
    # /etc/ssl/certs lasts, and newer files of the node win there: as after an upgrade to an image that trusts one less.
    node.run(f"echo '{PEM}' >>{BUNDLE} && ln -s /usr/share/gone.crt /etc/ssl/certs/gone.pem")
    node.machine.machine.reboot()
    node.run(UP)
    assert node.run(names) == before
    assert node.wrong() == []


@pytest.mark.nightly(minutes=0.1)
def test_after_it_the_node_trusts_what_the_image_declares(node: SuiteNode) -> None:
    """The one before rebooted it with an authority in its persistent store that the image does not have."""
    assert node.run(f"cmp {BUNDLE} {IMAGES} && echo same").strip() == "same"
    assert node.run("find /etc/ssl/certs -xtype l").strip() == ""
