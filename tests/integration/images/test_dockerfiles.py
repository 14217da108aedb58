"""BuildKit's own checks of the Dockerfiles, where buildx can run them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagekit.process import run

pytestmark = pytest.mark.docker
ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "images").glob("*/Dockerfile"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_buildkit_finds_nothing(path: Path) -> None:
    if "--check" not in run(["docker", "buildx", "build", "--help"], timeout=30).stdout:
        pytest.skip("this buildx is older than 0.15 and has no --check")
    names = [part for name in ("BASE_IMAGE", "PARENT", "KAIROS_INIT") for part in ("--build-arg", f"{name}=scratch")]
    contexts = ["--build-context", f"scripts={ROOT / 'images/scripts'}"]
    argv: list[str | Path] = ["docker", "buildx", "build", "--check", *names, *contexts, "--file", path, path.parent]
    run(argv, timeout=120, env={"DOCKER_HOST": os.environ["DOCKER_HOST"]})
