"""A worker in the cluster of the fixture `kubernetes`: its suite passes, also after a reboot, and faults are named."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from imagekit.base.process import ProgramMissingError
from imagekit.machine.interface import BootPath
from tests.e2e.conftest import IMAGE, Clone
from tests.support.plantedfaults import KUBERNETES, NodeFault
from tests.support.suitenode import SuiteNode, suite_node

pytestmark = [
    pytest.mark.vm,
    pytest.mark.online,
    pytest.mark.skipif(os.geteuid() != 0, reason="a network of its own needs root"),
]


@pytest.fixture(scope="module")
def node(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SuiteNode]:
    """An installed node of the suite, which its cloud-config let join at its first boot."""
    assert clone.imagekit("build", IMAGE).returncode == 0
    folder = tmp_path_factory.mktemp("kubernetes")
    try:
        with suite_node(clone.root, IMAGE, "kubernetes", folder, BootPath.INSTALLED) as made:
            yield made
    except ProgramMissingError as error:
        pytest.fail(f"{error}: `bin/test nightly` builds them")


@pytest.mark.nightly(minutes=4)
def test_a_worker_is_in_the_cluster_with_what_is_declared(node: SuiteNode) -> None:
    found = node.checked()
    assert sum("kubernetes/test_cluster.py" in check.id for check in found) == 4
    assert sum("k0s/test_join.py" in check.id for check in found) == 8
    assert node.wrong() == []


@pytest.mark.nightly(minutes=0.5)
@pytest.mark.parametrize("fault", KUBERNETES, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_planted_fault_is_named_by_its_check(node: SuiteNode, fault: NodeFault) -> None:
    node.named(fault)


@pytest.mark.nightly(minutes=2)
def test_after_a_reboot_it_is_in_the_cluster_again(node: SuiteNode) -> None:
    node.machine.machine.reboot()
    assert node.wrong() == []
