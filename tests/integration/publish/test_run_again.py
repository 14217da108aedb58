"""A run whose registry is killed while it publishes: the next run boots nothing and publishes within seconds.

Machines are played; registry, layout, statements, signatures and the gate are real.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from imagekit.app import release
from imagekit.app.options import Options
from imagekit.app.run import run_image
from imagekit.artifact.packagelist import Package, packages_of_dpkg
from imagekit.build.result import Build, folder_of
from imagekit.config.load import Project, load_project
from imagekit.config.settings import Settings
from imagekit.plan.model import Plan
from imagekit.registry.client import Registry
from imagekit.registry.timeouts import Timeouts
from imagekit.report.result import ReleaseRow, RunResult, Verdict
from tests.support.dockerregistry import DockerRegistry
from tests.support.images import DPKG_STATUS
from tests.support.inventories import base
from tests.support.layout import layer, layout
from tests.support.project import commit, make_project
from tests.support.simbackend import SimBackend

pytestmark = [pytest.mark.registry]
NAME = "small-node"
QUICK = Timeouts(attempts=2, first_pause=0.01)
SECONDS = 60.0  # wall time of a publish of a few kilobytes on a machine that does ten other things
POLICY = """\
version: 1
publish: {embedded: true, tests: {suites: ["%s"]}}
channels: {dev: {embedded: true}}
""" % ("5" * 64)


@dataclass(slots=True)
class PublishingBackend(SimBackend):
    """The simulated world with an image that has bytes, and the real `publish`; `dying` is killed before or in it."""

    dying: DockerRegistry | None = None
    requests: int = 0

    def _build(self, project: Project, plan: Plan, *, reused: bool) -> Build:
        made = SimBackend._build(self, project, plan, reused=reused)
        folder = folder_of(project.work, plan)
        (folder / "build.json").write_text("{}")
        return replace(made, digest=layout(folder / "oci", [layer(*base().values())]))

    def prove(self, project: Project, plan: Plan, image: Build) -> tuple[Package, ...]:
        """What dpkg says of it."""
        self.called("proof")
        return packages_of_dpkg(DPKG_STATUS, distro="debian-13")

    def publish(
        self, project: Project, plan: Plan, image: Build, result: RunResult, packages: Sequence[Package]
    ) -> ReleaseRow:
        """The real one, whose registry dies before its request number `requests`."""
        self.called("publish")
        return release.publish(project, plan, image, result, packages)

    def before_request(self) -> None:
        """Called before each request to the registry."""
        self.requests -= 1
        if self.requests == 0 and self.dying is not None:
            self.dying.kill()


@pytest.fixture
def project(tmp_path: Path, server: DockerRegistry, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    # A registry on loopback would be the embedded one, which starts again by itself.
    monkeypatch.setattr("imagekit.app.release.embedded_registry", lambda *_: nullcontext())
    root = make_project(tmp_path / "project")
    checks = root / "vm-harness/checks/base"
    checks.mkdir(parents=True)
    (checks / "test_x.py").write_text('def test_x(host) -> None:\n    """x holds"""\n')
    (root / "policy.yaml").write_text(POLICY)
    commit(root, "checks", "2026-11-23T12:00:00+00:00")
    return replace(load_project(root), settings=Settings(registry=server.address))


@pytest.mark.parametrize("request_number", [1, 30])
def test_a_registry_that_is_killed_costs_no_boot(
    project: Project, server: DockerRegistry, monkeypatch: pytest.MonkeyPatch, request_number: int
) -> None:
    """Issue: thirteen minutes of boots were thrown away for a registry that was down."""
    world = PublishingBackend(dying=server, requests=request_number)
    real = Registry.__init__

    def observed(self: Registry, address: str, **named: Any) -> None:
        real(self, address, observe=lambda *_: world.before_request(), timeouts=QUICK, **named)

    monkeypatch.setattr(Registry, "__init__", observed)
    first = run_image(project, NAME, Options(), world)
    assert first.result.verdict is Verdict.FAILED
    assert first.result.failure is not None
    assert (first.result.failure.stage, server.address in first.result.failure.error) == ("publish", True)
    before, began = dict(world.calls), time.monotonic()
    server.start()
    done = run_image(project, NAME, Options(), world)
    taken = time.monotonic() - began
    assert done.result.verdict is Verdict.PASSED
    again = {name for name, number in world.calls.items() if number > before.get(name, 0)}
    assert not [name for name in again if name.startswith(("boot", "check", "build"))]
    assert taken < SECONDS
    assert done.result.release is not None
    version = done.result.release.reference.rpartition(":")[2]
    with Registry(server.address) as client:
        named = client.manifest(f"imagekit/{NAME}", version).digest
    assert str(named) == done.result.digest == first.result.digest
