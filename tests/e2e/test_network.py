"""NetworkManager on a machine with several cards: the suite passes, after reboot and upgrade too; faults are named."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from imagekit.build.result import Build
from imagekit.checks.until import until
from imagekit.config.packagelock import lock_path
from imagekit.machine.interface import BootPath
from imagekit.scenarios import ask
from imagekit.scenarios.model import GrubEntry, Mode
from tests.e2e.conftest import IMAGE, Clone
from tests.support.aptrepository import served, signed_archive
from tests.support.backportedkernel import put_backported_kernel
from tests.support.plantedfaults import NETWORK, NodeFault
from tests.support.suitenode import SuiteNode, as_scenario, image_of, suite_node, upgrade

pytestmark = [
    pytest.mark.vm,
    pytest.mark.online,
    pytest.mark.skipif(os.geteuid() != 0, reason="a network of its own needs root"),
]
BUNDLE, IMAGES = "/etc/ssl/certs/ca-certificates.crt", "/usr/share/imagekit/ca-trust/ca-certificates.crt"
PEM = "-----BEGIN CERTIFICATE-----"
UP = until("ip -4 -br address show dev br0 2>/dev/null | grep -q /", 60)


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


@pytest.fixture(scope="module")
def backported(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The image with the kernel of the distribution's backports; the clone is as before."""
    folder = tmp_path_factory.mktemp("backports")
    settings = clone.root / "imagekit.yaml"
    kept = settings.read_text()
    with signed_archive(folder / "archive") as archive, served(archive.root) as uri:
        put_backported_kernel(archive, folder)
        try:
            (clone.root / "backports.asc").write_text(archive.key)
            settings.write_text(f'{kept}apt_archives: [{{uri: "{uri}", suite: stable, key: backports.asc}}]\n')
            # All anew: the newest version of each package, as in the image without it.
            (clone.root / lock_path(IMAGE, "amd64")).unlink()
            for command in (("lock", IMAGE, "--arch", "amd64"), ("build", IMAGE, "--locked")):
                done = clone.imagekit(*command)
                assert done.returncode == 0, done.stderr[-6000:]
            return image_of(clone.root, IMAGE, locked=True)
        finally:
            settings.write_text(kept)
            (clone.root / "backports.asc").unlink()
            clone.git("checkout", "-q", "--", "images")


def cards(node: SuiteNode) -> dict[str, str]:
    """What each card is called, by the address that it has of its own, whatever a bond gives it."""
    found = node.run("cd /sys/class/net && ls -d */device").split()
    rows = [row for row in json.loads(node.run("ip -j link")) if f"{row['ifname']}/device" in found]
    return {row.get("permaddr", row["address"]): row["ifname"] for row in rows}


@pytest.mark.nightly(minutes=11)
def test_another_kernel_finds_the_same_cards_and_so_does_the_way_back(
    clone: Clone, backported: Build, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Upgraded to a kernel that is years newer, and started from the image before."""
    assert clone.imagekit("build", IMAGE).returncode == 0
    folder = tmp_path_factory.mktemp("kernels")
    with suite_node(
        clone.root, IMAGE, "network", folder, BootPath.INSTALLED, fixtures=("registry",), cold="it is upgraded"
    ) as node:
        shell = as_scenario(node.machine)
        before, kernel = cards(node), node.run("uname -r")
        assert len(before) == 5
        upgrade(node.machine, backported)
        shell.reboot()
        assert ask.mode(shell) is Mode.ACTIVE
        assert node.run("uname -r") != kernel
        assert cards(node) == before
        assert node.wrong() == []
        ask.select(shell, GrubEntry.PASSIVE)
        shell.reboot()
        assert ask.mode(shell) is Mode.PASSIVE
        assert node.run("uname -r") == kernel
        assert cards(node) == before
        assert node.wrong() == []
