"""The build scripts with FAMILY=rhel, on real dnf and rpm and with stand-ins for what Debian does not have."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from imagekit.app.image import built_all
from imagekit.base.process import run
from imagekit.build import bake
from imagekit.config.load import load_project
from imagekit.plan.resolve import make_plan
from imagekit.services.dockerd import engine

pytestmark = pytest.mark.docker
ROOT = Path(__file__).parents[3]
FIXTURE = ROOT / "tests/data/rhel-shaped"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rhel")
    project = load_project(ROOT)
    plan = make_plan(project, "debian-node")
    built_all(project, (plan,))
    stage = plan.stage("distro")
    services = bake.compose(
        bake.Graph((plan,), ROOT, {stage.id: ROOT / ".imagekit/distro" / stage.id[:32]}),
    )["services"]
    production = project.image("rocky9-k0s-node")
    names = [name for layer in production.layers for name in project.layers[layer].packages_of(production.family)]
    services["rhel"] = {
        "build": {
            "context": str(FIXTURE),
            "dockerfile": str(FIXTURE / "Dockerfile"),
            "network": "host",
            "args": {"PACKAGES": " ".join(names), "K0S_SHA256": "0" * 64},
            "additional_contexts": {
                "parent": "target:base",
                "scripts": str(ROOT / "images/scripts"),
                "images": str(ROOT / "images"),
            },
        }
    }
    (folder / "compose.yaml").write_text(json.dumps({"services": services}))
    override = {"target": {"rhel": {"output": [f"type=local,dest={folder / 'out'}"]}}}
    (folder / "override.json").write_text(json.dumps(override))
    files = [part for name in ("compose.yaml", "override.json") for part in ("--file", os.fspath(folder / name))]
    with engine(project.work) as running:
        run(["docker", "buildx", "bake", *files, "rhel"], timeout=900, env={"DOCKER_HOST": running.host})
    (folder / "out/declared").write_text("\n".join(names))
    return folder / "out"


def test_dnf_installs_every_declared_package(out: Path) -> None:
    installed = set((out / "packages").read_text().split())
    assert set((out / "declared").read_text().split()) <= installed


def test_the_units_of_the_family_are_enabled(out: Path) -> None:
    units = dict(line.split() for line in (out / "units").read_text().splitlines())
    assert units == dict.fromkeys(["NetworkManager", "sshd", "chronyd", "oddjobd", "sssd"], "enabled")


def test_sssd_is_wired_by_authselect(out: Path) -> None:
    calls = (out / "calls").read_text().splitlines()
    assert calls[0] == "authselect select sssd with-mkhomedir without-nullok --force"
    assert "passwd: files sss" in (out / "nsswitch.conf").read_text()


def test_authorities_reach_the_bundle_through_update_ca_trust(out: Path) -> None:
    assert "update-ca-trust extract" in (out / "calls").read_text().splitlines()
    for pem in (ROOT / "images/ca-trust/files").glob("*.pem"):
        assert pem.read_text().strip() in (out / "tls-ca-bundle.pem").read_text()
