"""Scenarios and machines of one command, spread over two libvirts, the second behind SSH; a third does not answer."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Clone, First, last_result
from tests.integration.vm.test_hosts import base as base
from tests.integration.vm.test_hosts import server as server
from tests.integration.vm.test_hosts import uri as uri

pytestmark = [
    pytest.mark.vm,
    pytest.mark.registry,
    pytest.mark.online,
    pytest.mark.skipif(shutil.which("sshd") is None, reason="no sshd in PATH: bin/setup dev gets it"),
]
IMAGE = "debian-node"
DEAD = "qemu+ssh://root@127.0.0.1:9/system"


@pytest.fixture
def spread(pristine: Clone, uri: str) -> Iterator[Clone]:
    """The clone, with two hosts that answer and one that does not; QEMU of the second is a user of its own."""
    settings, folder = pristine.root / "imagekit.yaml", pristine.root
    before = settings.read_text()
    shut = [each for each in (folder, *folder.parents) if not each.stat().st_mode & 0o001]
    for each in shut:
        each.chmod(each.stat().st_mode | 0o001)
    listed = "".join(f"  - {each}\n" for each in ("qemu:///system", uri, DEAD))
    settings.write_text(f"{before}libvirt_uris:\n{listed}")
    try:
        yield pristine
    finally:
        settings.write_text(before)
        for each in shut:
            each.chmod(each.stat().st_mode & ~0o001)


@pytest.mark.nightly(minutes=15)
def test_scenarios_are_spread_over_the_hosts_that_answer(spread: Clone, first: First, uri: str) -> None:
    done = spread.imagekit("test", IMAGE, "--fresh", "--scenario", "unsigned", "--scenario", "upgrade")
    assert done.returncode == 0, done.stdout + done.stderr[-6000:]
    assert [each["outcome"] for each in last_result(spread)["scenarios"]] == ["passed", "passed"]
    assert f"no machine goes to {DEAD}" in done.stderr
    assert ", at qemu:///system" in done.stderr
    assert f", at {uri}" in done.stderr


@pytest.mark.nightly(minutes=5)
def test_a_machine_on_the_other_host_passes_its_checks(spread: Clone, first: First, uri: str) -> None:
    settings = spread.root / "imagekit.yaml"
    settings.write_text(settings.read_text().replace("  - qemu:///system\n", ""))
    done = spread.imagekit("test", IMAGE, "--fresh", "--boot", "installed")
    assert done.returncode == 0, done.stdout + done.stderr[-6000:]
    assert f"{IMAGE} goes to {uri}" in done.stderr
