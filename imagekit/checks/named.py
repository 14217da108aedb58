"""Suites with a name: checks against real servers, run when they are asked for. `vm-harness/suites/NAME.yaml`.

A suite has its checks in ``vm-harness/checks/NAME`` and says which fixtures they want. Its node is prepared with the
suite's cloud-config by the node's own agent, as at a boot, so that a fork of a saved node will do; with ``seed``, by
its own seed at its first boot, as machines get theirs, and keeps it over reboots. With ``scap`` the node is scanned
first, and the checks are about what the scanner found.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from imagekit.base.errors import ConfigError, RefusedError
from imagekit.base.reason import summary
from imagekit.checks.scap.content import Release, ScapContent
from imagekit.config.load import parse_file
from imagekit.config.model import Family, Frozen, Name, NodePath, Unit
from imagekit.machine.interface import BootPath, Machine

FOLDER = "suites"
_ON_NODE = "/run/imagekit-suite"
_STAGE_SECONDS = 120.0
FileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*$")]


class PreparationError(RefusedError):
    """The node did not take the suite's cloud-config."""


class NamedSuite(Frozen):
    """One suite: what it needs of image and network, and how its node is prepared."""

    version: Literal[1]
    name: Name
    description: str = Field(min_length=1)
    layers: tuple[Name, ...] = Field((), description="layers that an image must have for this suite to mean anything")
    also: tuple[Name, ...] = Field((), description="layers of these whose checks its node has to pass as well")
    fixtures: tuple[Name, ...] = Field((), description="fixtures that run beside the machine")
    scap: dict[Family, dict[Release, ScapContent]] = Field(
        default_factory=dict, description="what the node is scanned with, by family and release of the image"
    )
    boot_path: BootPath = Field(BootPath.DIRECT, strict=False, description="how its node starts")
    seed: bool = Field(False, description="the cloud-config comes by the machine's seed, on top of the image's own")
    extra_nics: int = Field(0, ge=0, le=4, description="further network cards of its machine, joined to one another")
    cloud_config: FileName | None = Field(None, description="a file beside this one, applied by the node's own agent")
    stages: tuple[Literal["initramfs", "boot", "network"], ...] = Field(
        ("initramfs", "network"), description="the cloud-config's stages that are run, in order"
    )
    secrets: dict[NodePath, str] = Field(
        default_factory=dict, description="files that a machine's seed brings, mode 0600; known to everybody here"
    )
    reload: tuple[Unit, ...] = Field((), description="units that read their configuration again afterwards")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.seed and self.boot_path is BootPath.DIRECT:
            raise ValueError("the direct boot path reads no seed: boot_path must be live or installed")
        if not self.fixtures and not self.scap:
            raise ValueError("a suite wants fixtures, scap or both: what needs neither is a check of a layer")
        if not set(self.also) <= set(self.layers):
            raise ValueError("also: checks of a layer that an image need not have for this suite (layers)")
        return self

    @property
    def checked(self) -> tuple[str, ...]:
        """The folders of checks that its node is held to."""
        return (self.name, *self.also)

    @property
    def secret_step(self) -> dict[str, Any]:
        """The step of a cloud-config that brings the secrets."""
        files = [
            {"path": path, "permissions": 0o600, "owner": 0, "group": 0, "content": text}
            for path, text in self.secrets.items()
        ]
        return {"name": f"Secrets of the suite {self.name}", "files": files}


def named_suites(harness: Path) -> dict[str, NamedSuite]:
    """Every suite by name; raises `ConfigError` with file and line for one that is wrong."""
    found = {}
    for path in sorted((harness / FOLDER).glob("*.yaml")):
        if path.name.endswith(".cloud-config.yaml"):
            continue
        suite = parse_file(NamedSuite, path)
        if suite.name != path.stem:
            raise ConfigError(f"{path}: the suite is called {suite.name}", hint=f"Call it {path.stem}, as its file.")
        if suite.cloud_config and not (path.parent / suite.cloud_config).is_file():
            raise ConfigError(f"{path}: there is no file {suite.cloud_config} beside it")
        found[suite.name] = suite
    return found


def suites_for(harness: Path, layers: Sequence[str]) -> dict[str, NamedSuite]:
    """The suites that an image with these layers can have."""
    return {name: suite for name, suite in named_suites(harness).items() if set(suite.layers) <= set(layers)}


def prepare(machine: Machine, suite: NamedSuite, harness: Path) -> None:
    """Bring the node into the state that the suite is about. Raises `PreparationError` with the agent's words."""
    if suite.seed:
        return
    for path, text in suite.secrets.items():
        _write(machine, path, text)
    if suite.cloud_config is not None:
        text = (harness / FOLDER / suite.cloud_config).read_text()
        _write(machine, f"{_ON_NODE}/{suite.name}.yaml", text)
        for stage in suite.stages:
            _ran(machine, f"kairos-agent run-stage --strict --override-cloud-init-paths {_ON_NODE} {stage}", suite)
    for unit in suite.reload:
        _ran(machine, f"systemctl reload-or-restart {unit}", suite)


def _write(machine: Machine, path: str, text: str) -> None:
    encoded, target = base64.b64encode(text.encode()).decode(), shlex.quote(path)
    command = f"mkdir -p $(dirname {target}) && umask 077 && echo {encoded} | base64 -d > {target}"
    done = machine.run(command)
    if done.returncode != 0:
        raise PreparationError(f"{path} could not be written on the node", hint=summary(done.stderr))


def _ran(machine: Machine, command: str, suite: NamedSuite) -> None:
    done = machine.run(command, timeout=_STAGE_SECONDS)
    if done.returncode != 0:
        raise PreparationError(
            f"the node was not prepared for suite {suite.name}: {command} ended with status {done.returncode}",
            hint=f"{summary(done.stderr or done.stdout)}\nIts cloud-config: vm-harness/suites/{suite.cloud_config}",
        )
