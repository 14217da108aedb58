"""A node behind a proxy that opens TLS: the suite passes, and faults are named."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from imagekit.machine.interface import BootPath
from tests.e2e.conftest import IMAGE, Clone
from tests.support.plantedfaults import PROXY, NodeFault
from tests.support.suitenode import SuiteNode, suite_node

pytestmark = [
    pytest.mark.vm,
    pytest.mark.online,
    pytest.mark.skipif(os.geteuid() != 0, reason="a network of its own needs root"),
]


@pytest.fixture(scope="module")
def node(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SuiteNode]:
    """A node with cloud-config/profiles/proxy.yaml, for the proxy of the fixture."""
    assert clone.imagekit("build", IMAGE).returncode == 0
    with suite_node(clone.root, IMAGE, "proxy", tmp_path_factory.mktemp("proxy"), BootPath.DIRECT) as made:
        yield made


@pytest.mark.nightly(minutes=3)
def test_a_node_works_behind_the_companys_proxy(node: SuiteNode) -> None:
    assert len(node.checked()) == 5
    assert node.wrong() == []


@pytest.mark.nightly(minutes=0.5)
@pytest.mark.parametrize("fault", PROXY, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_planted_fault_is_named_by_its_check(node: SuiteNode, fault: NodeFault) -> None:
    node.named(fault)
