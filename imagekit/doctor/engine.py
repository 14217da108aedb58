"""The build engine: the named builder or daemon, or the programs to start a private one, and buildx."""

from __future__ import annotations

import os

from imagekit.base.errors import ToolError
from imagekit.base.process import run
from imagekit.doctor.distribution import remedy
from imagekit.doctor.model import Finding, Host, Need, State
from imagekit.doctor.program import at_least, version_of
from imagekit.services.buildx import builder_facts
from imagekit.services.dockerapi import docker_program, engine_facts
from imagekit.services.dockerd import LOWEST_VERSION, unfit

_WANTED = f"dockerd {LOWEST_VERSION} or newer with the containerd image store, and docker buildx 0.13 or newer"
_NOT_ROOT = (
    "docker buildx create --name imagekit --driver docker-container, and BUILDX_BUILDER=imagekit "
    "or `builder: imagekit` in imagekit.yaml; or DOCKER_HOST of a daemon with the containerd image store; "
    "else sudo bin/imagekit ..."
)
_OTHER = "docker buildx ls shows yours; `builder:` in imagekit.yaml or BUILDX_BUILDER names the one to use"
_OWN_ONE = "unset DOCKER_HOST (then a private dockerd is started)"


def check(host: Host) -> Finding:
    """Whether layers can be built: with the builder, else the daemon of DOCKER_HOST, else with one of our own."""
    state, found, help_with = _buildx(host)
    if state is State.OK:
        state, engine, help_with = _engine(host)
        found = f"{engine}; {found}"
    return Finding(need=Need.ENGINE, state=state, found=found, wanted=_WANTED, remedy=help_with)


def _buildx(host: Host) -> tuple[State, str, str]:
    try:
        text = run([docker_program(), "buildx", "version"], timeout=15).stdout
    except ToolError as error:
        return State.MISSING, str(error), remedy(host.distribution, "engine")
    version = next((word.lstrip("v") for word in text.split() if word.lstrip("v")[:1].isdigit()), "")
    return State.OK, f"buildx {version}", ""


def _engine(host: Host) -> tuple[State, str, str]:
    if host.builder:
        return _builder(host.builder)
    return _named(host.docker_host) if host.docker_host else _private(host)


def _builder(name: str) -> tuple[State, str, str]:
    try:
        found = builder_facts(name)
    except ToolError as error:
        return State.BROKEN, str(error), error.hint
    if found.unfit:
        return State.BROKEN, f"the builder {name} {found.unfit}", _OTHER
    version = f"BuildKit {', '.join(found.versions)}" if found.versions else "started when needed"
    return State.OK, f"builder {name} ({found.driver}, {version})", ""


def _named(docker_host: str) -> tuple[State, str, str]:
    facts = engine_facts(docker_host)
    if facts is None:
        return (
            State.BROKEN,
            f"no daemon answers at {docker_host}",
            _OWN_ONE,
        )
    problem = unfit(facts)
    if problem:
        return (
            State.BROKEN,
            f"the daemon at {docker_host} {problem}",
            _OWN_ONE,
        )
    return State.OK, f"dockerd {facts.version} at {docker_host}", ""


def _private(host: Host) -> tuple[State, str, str]:
    version = version_of(["dockerd", "--version"])
    if not version:
        return State.MISSING, "dockerd is not installed", remedy(host.distribution, "engine")
    if not at_least(version, (LOWEST_VERSION,)):
        return State.BROKEN, f"dockerd {version}: too old", remedy(host.distribution, "engine")
    if os.geteuid() != 0:
        return State.BROKEN, f"dockerd {version}, but starting a private one needs root", _NOT_ROOT
    return State.OK, f"dockerd {version}, started when needed", ""
