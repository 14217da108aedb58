"""Checks that need no kernel, in a container of the image: an answer in seconds, and no test result."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace

from imagekit.app.image import built
from imagekit.app.target import Target, suites_of
from imagekit.build.result import Build
from imagekit.checks.outcome import SuiteResult
from imagekit.checks.runner import host_session, run_session
from imagekit.checks.selection import Selection
from imagekit.config.load import Project
from imagekit.machine.interface import BootPath
from imagekit.plan.resolve import make_plan
from imagekit.services.container import container
from imagekit.services.dockerd import engine

_SECONDS = 300.0
_CHECK_SECONDS = 30.0
# What sshd's unit does on a node before its first start: without host keys `sshd -T` tells nothing.
_FIRST_START = "! command -v ssh-keygen >/dev/null || { mkdir -p -m 0755 /run/sshd && ssh-keygen -A; }"
_LATEST = 1800  # seconds after which a container that nobody ended ends itself


def check_in_container(project: Project, name: str, selection: Selection) -> tuple[Build, SuiteResult]:
    """Run the checks marked `container` in a container of the image's digest; the image is built when it changed.

    Nothing of it is kept, reused or published: no kernel was booted, no unit started, no cloud-config applied.
    Raises `ServiceError` without a Docker daemon that can run it, and what `built` and `run_session` raise.
    """
    image = built(project, make_plan(project, name))
    # What pytest wrote is kept when it breaks, until `imagekit clean`, which knows the folder by this process.
    folder = project.work / "containers" / f".{name}.{os.getpid()}"
    chosen = replace(selection, container=True)
    target = Target(project=project, name=name, run_id="container", folder=folder, selection=chosen)
    suites = suites_of(target, BootPath.DIRECT)
    index = json.loads((image.layout / "index.json").read_bytes())
    manifest = next(each for each in index["manifests"] if each["digest"] == str(image.digest))
    with (
        engine(project.work) as running,
        container(running, image.layout, manifest, prepare=_FIRST_START, seconds=_LATEST) as box,
    ):
        session = host_session(f"docker://{box.id}", target.checked, suites, BootPath.DIRECT, _CHECK_SECONDS)
        session = replace(session, sudo=False, engine=box.host, profile=())
        result = run_session(session, suites, deadline_seconds=_SECONDS)
    shutil.rmtree(folder)
    return image, result
