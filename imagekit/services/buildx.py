"""A buildx builder that the user has: BuildKit in a container, in Kubernetes or on another host, without root here.

https://docs.docker.com/build/builders/drivers/ tells of the drivers. Docker's own (`docker`) is no builder in this
sense: what it can write depends on how the daemon keeps its images, and the daemon is named by DOCKER_HOST.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagekit.base.process import ProcessError, run
from imagekit.services.dockerapi import docker_program
from imagekit.services.dockerd import engine
from imagekit.services.model import ServiceError

LOWEST_BUILDKIT = (
    0,
    13,
)  # rewrite-timestamp of layers that come from a base, https://github.com/moby/buildkit/pull/4057
_SECONDS = 30.0
_CREATE = "docker buildx create --name NAME --driver docker-container"
_OWN = "docker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """What buildx says of a builder; `versions` of BuildKit are those of the nodes that run, one may start at use."""

    name: str
    driver: str
    versions: tuple[str, ...]
    problems: tuple[str, ...] = ()

    @property
    def unfit(self) -> str:
        """Why it cannot build for imagekit; empty when it can."""
        if self.driver == _OWN:
            return "is a Docker daemon itself (driver docker), which DOCKER_HOST names"
        if self.problems:
            return f"does not answer: {self.problems[0]}"
        old = next((version for version in self.versions if _number(version) < LOWEST_BUILDKIT), "")
        return f"has BuildKit {old}, 0.13 or newer is needed" if old else ""


@dataclass(frozen=True, slots=True)
class BuildEngine:
    """The environment that reaches an engine, and the network of build steps that may have one.

    A private dockerd has no bridge, so its steps have the host's; a builder has its own, and would want an entitlement
    for the host's.
    """

    environment: Mapping[str, str]
    network: str


def named_builder(configured: str | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """The builder to use: imagekit.yaml's, else BUILDX_BUILDER's; None where there is none."""
    return configured or environ.get("BUILDX_BUILDER") or None


def builder_facts(name: str) -> Builder:
    """Ask buildx; raises `ServiceError` when it knows no builder of that name, `ToolError` when there is no buildx."""
    try:
        text = run([docker_program(), "buildx", "inspect", name], timeout=_SECONDS, env=environment()).stdout
    except ProcessError as error:
        raise ServiceError(
            f"buildx has no builder {name!r}", hint=f"{error.stderr.strip()}\n`{_CREATE}` makes one.".strip()
        ) from None
    return _read(name, text)


@contextmanager
def build_engine(work: Path, builder: str | None) -> Iterator[BuildEngine]:
    """Where builds go for the time of the block: the builder of that name, else a Docker daemon (`dockerd.engine`).

    Raises `ServiceError` when it does not answer or is not fit.
    """
    if builder is not None:
        require_builder(builder)
        yield BuildEngine(environment(builder), network="default")
        return
    with engine(work) as running:
        yield BuildEngine({"DOCKER_HOST": running.host}, network="host")


def require_builder(name: str) -> Builder:
    """The builder, when it can build for imagekit; else `ServiceError`."""
    found = builder_facts(name)
    if found.unfit:
        raise ServiceError(f"the builder {name} {found.unfit}", hint=f"`{_CREATE}` makes one that can build.")
    return found


def environment(name: str | None = None) -> dict[str, str]:
    """What docker needs of the environment to find its builders, and which to take."""
    kept = {key: os.environ[key] for key in ("BUILDX_CONFIG", "KUBECONFIG") if os.environ.get(key)}
    return {**kept, "BUILDX_BUILDER": name} if name else kept


def _read(name: str, text: str) -> Builder:
    """The lines of `docker buildx inspect`: the builder's, then each node's."""
    fields = re.findall(r"^([A-Z][\w /]*?):[ \t]+(\S.*?)[ \t]*$", text, re.MULTILINE)
    found: dict[str, list[str]] = {}
    for key, value in fields:
        found.setdefault(key.lower(), []).append(value)
    return Builder(
        name=name,
        driver=found.get("driver", [""])[0],
        versions=(*found.get("buildkit version", ()), *found.get("buildkit", ())),  # the latter before 0.13
        problems=tuple(found.get("error", ())),
    )


def _number(version: str) -> tuple[int, ...]:
    found = re.match(r"v?(\d+)\.(\d+)", version)
    number = (int(found[1]), int(found[2])) if found else (0, 0)
    return number if number != (0, 0) else LOWEST_BUILDKIT  # a build of somebody's own says v0.0.0+unknown or a commit
