"""Builders as `docker buildx inspect` tells of them, by a docker program that says what it is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imagekit.services import buildx
from imagekit.services.buildx import build_engine, builder_facts, environment, named_builder, require_builder
from imagekit.services.dockerapi import docker_program
from imagekit.services.dockerd import Engine
from imagekit.services.model import ServiceError

# As buildx 0.13 writes it, and 0.12 with its other word for the version.
REMOTE = """Name:          corp
Driver:        remote
Last Activity: 2026-11-28 22:00:00 +0000 UTC

Nodes:
Name:             corp0
Endpoint:         tcp://buildkit.example:1234
Status:           running
BuildKit version: v0.26.3
Platforms:        linux/amd64, linux/amd64/v2
Labels:
 org.mobyproject.buildkit.worker.executor:  oci
GC Policy rule#0:
 All:           false
"""
STOPPED = """Name:   mine
Driver: docker-container

Nodes:
Name:      mine0
Endpoint:  unix:///var/run/docker.sock
Status:    inactive
"""
OLD = REMOTE.replace("BuildKit version: v0.26.3", "Buildkit:  v0.12.5")
OWN = "Name: default\nDriver: docker\n\nNodes:\nName: default\nBuildKit version: v0.26.3\n"
AWAY = REMOTE.replace("Status:           running", "Error:            connection refused").replace(
    "BuildKit version: v0.26.3\n", ""
)
TWO = REMOTE + "\nName: corp1\nStatus: running\nBuildKit version: v0.11.0\n"
DEV = REMOTE.replace("v0.26.3", "ca5f9a1")
OWN_BUILD = REMOTE.replace("v0.26.3", "v0.0.0+unknown")


@pytest.fixture
def says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file whose text the docker program writes; without it there is no such builder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "docker"
    program.write_text(
        '#!/bin/sh\n[ "$2" = version ] && exit 0\n'
        f'cat "{tmp_path}/says" 2>/dev/null && exit 0\necho "ERROR: no builder \\"$3\\" found" >&2\nexit 1\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    docker_program.cache_clear()
    yield tmp_path / "says"
    docker_program.cache_clear()


def test_a_builder_with_its_driver_and_versions(says: Path) -> None:
    says.write_text(REMOTE)
    found = require_builder("corp")
    assert (found.name, found.driver, found.versions, found.unfit) == ("corp", "remote", ("v0.26.3",), "")


@pytest.mark.parametrize("text", [STOPPED, DEV, OWN_BUILD], ids=["starts when used", "a commit", "v0.0.0"])
def test_one_that_is_taken_all_the_same(says: Path, text: str) -> None:
    says.write_text(text)
    assert require_builder("mine").unfit == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (OLD, "has BuildKit v0.12.5, 0.13 or newer is needed"),
        (TWO, "has BuildKit v0.11.0, 0.13 or newer is needed"),
        (OWN, "is a Docker daemon itself"),
        (AWAY, "does not answer: connection refused"),
    ],
    ids=["old", "one node of two is old", "docker's own", "away"],
)
def test_what_cannot_build_is_refused_with_a_way_out(says: Path, text: str, why: str) -> None:
    says.write_text(text)
    with pytest.raises(ServiceError, match="the builder corp") as caught:
        require_builder("corp")
    assert why in str(caught.value)
    assert "docker buildx create --name NAME --driver docker-container" in caught.value.hint


def test_a_builder_that_buildx_does_not_know(says: Path) -> None:
    with pytest.raises(ServiceError, match="buildx has no builder 'corp'") as caught:
        builder_facts("corp")
    assert 'no builder "corp" found' in caught.value.hint


@pytest.mark.parametrize(
    ("configured", "environ", "name"),
    [
        ("mine", {"BUILDX_BUILDER": "other"}, "mine"),
        (None, {"BUILDX_BUILDER": "other"}, "other"),
        (None, {"BUILDX_BUILDER": ""}, None),
        (None, {}, None),
    ],
)
def test_which_builder(configured: str | None, environ: dict[str, str], name: str | None) -> None:
    assert named_builder(configured, environ) == name


def test_a_build_goes_to_the_builder_with_its_own_network(
    says: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUILDX_CONFIG", "/somewhere")
    says.write_text(REMOTE)
    with build_engine(tmp_path, "corp") as running:
        assert running.environment == environment("corp") == {**environment(), "BUILDX_BUILDER": "corp"}
        assert running.environment["BUILDX_CONFIG"] == "/somewhere"
        assert running.network == "default"
    assert not (tmp_path / "engine").exists()


def test_without_one_a_daemon_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def engine(work: Path) -> Iterator[Engine]:
        yield Engine(host="unix:///d.sock", version="28", ours=True)

    monkeypatch.setattr(buildx, "engine", engine)
    with build_engine(tmp_path, None) as running:
        assert (running.environment, running.network) == ({"DOCKER_HOST": "unix:///d.sock"}, "host")
