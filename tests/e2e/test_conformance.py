"""The node contract on the embedded image and its nodes: every boot path, both firmwares."""

from __future__ import annotations

import json

import pytest

from imagekit.base.process import run
from tests.e2e.conftest import IMAGE, Clone, First, environment

pytestmark = [pytest.mark.vm, pytest.mark.registry, pytest.mark.online]
_SECONDS = 10_800.0


@pytest.mark.nightly(minutes=45)
@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_the_embedded_image_keeps_every_promise(clone: Clone, first: First, firmware: str) -> None:
    argv = clone.argv("conformance", IMAGE, "--firmware", firmware, "--format", "json")
    done = run(argv, timeout=_SECONDS, cwd=clone.root, env=environment(), ok=range(256))
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    reported = json.loads(done.stdout)
    boot_paths = ["image", *(f"{boot_path}-{firmware}" for boot_path in ("live", "installed", "disk"))]
    assert sorted(reported["runs"]) == sorted(boot_paths)
