"""Needs of tests: a marked test gets what it needs, or is skipped with the reason (in CI it fails instead)."""

from __future__ import annotations

import gc
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from imagekit.doctor.check import check, this_host
from imagekit.doctor.model import Need
from imagekit.machine.libvirt.daemon import default_uri, libvirt
from imagekit.services.dockerd import engine
from imagekit.services.home import home
from tests.support.encodable import Encodable
from tests.support.grammars import build_late
from tests.support.heartbeat import Heartbeat
from tests.support.tiers import Tiers

WORK = Path(__file__).parents[1] / ".imagekit"
_NEEDS = {
    "docker": (Need.ENGINE,),
    "registry": (Need.REGISTRY,),
    "vm": (Need.LIBVIRT, Need.QEMU, Need.SQUASHFS, Need.INITRD, Need.ISO, Need.SSH),
}
_stack = pytest.StashKey[ExitStack]()
_lacking = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin a session without any service.

    Tests hold imagekit, and not what a mirror has today: images float here, also where ``CI`` is set, unless a test
    says otherwise.
    """
    os.environ.setdefault("IMAGEKIT_LOCKED", "no")
    build_late()
    config.stash[_stack] = ExitStack()
    config.stash[_lacking] = {}
    config.pluginmanager.register(Heartbeat(config), "imagekit-heartbeat")
    config.pluginmanager.register(Encodable(), "imagekit-encodable")
    config.pluginmanager.register(Tiers(), "imagekit-tiers")


def pytest_collection_finish() -> None:
    """Take what thousands of collected tests hold out of the garbage collector's way; it stays to the end anyhow.

    Else each full collection walks through all of it: of 3,260 collected tests, 149 took 4.5 s of processor in place of
    4.8 s.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Release every service that a test needed."""
    config.stash[_stack].close()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give a marked test its services, once in a session."""
    for marker in ("docker", "registry", "vm"):
        if item.get_closest_marker(marker) is not None:
            _provide(item.config, marker)


def _provide(config: pytest.Config, marker: str) -> None:
    lacking = config.stash[_lacking]
    if marker not in lacking:
        lacking[marker] = _look(marker)
        if not lacking[marker]:
            _start(config.stash[_stack], marker)
    if lacking[marker]:
        outcome = pytest.fail if os.environ.get("CI") else pytest.skip
        outcome(f"needs {marker}: {lacking[marker]}")


def _look(marker: str) -> str:
    host = this_host(WORK, home(WORK).address, None, (default_uri(),))
    lacking = [one for one in check(_NEEDS[marker], host) if not one.enough]
    return "; ".join(f"{one.need}: {one.found} ({one.remedy})" for one in lacking)


def _start(stack: ExitStack, marker: str) -> None:
    WORK.mkdir(exist_ok=True)
    if marker == "docker":
        os.environ["DOCKER_HOST"] = stack.enter_context(engine(WORK)).host
    elif marker == "vm":
        stack.enter_context(libvirt())


@pytest.fixture
def project_root() -> Path:
    """The folder of this project."""
    return WORK.parent
