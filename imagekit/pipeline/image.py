"""From a plan to a proven image: engine started when it is needed, build, and the look into the artifact."""

from __future__ import annotations

import json
from dataclasses import asdict

from imagekit.build.builder import Build, build, earlier_build
from imagekit.config.load import Project
from imagekit.config.model import Arch
from imagekit.disk.inventory import Inventory, take_inventory
from imagekit.disk.packages import installed_packages
from imagekit.disk.presence import prove_present
from imagekit.errors import RefusedError
from imagekit.packages import Package
from imagekit.plan.lock import require_buildable
from imagekit.plan.model import Plan
from imagekit.report.result import write_whole
from imagekit.services.dockerd import engine


class WrongVersionError(RefusedError):
    """The artifact carries another version than its plan."""


def built(project: Project, plan: Plan) -> Build:
    """The image of a plan: the earlier result, or a new one made by the build engine."""
    found = earlier_build(project.work, plan)
    if found is not None:
        return found
    require_buildable(plan)  # before anything is started for it
    with engine(project.work) as running:
        return build(project, plan, {"DOCKER_HOST": running.host})


def proven(project: Project, plan: Plan, image: Build) -> tuple[Package, ...]:
    """Prove that all that was declared is in the artifact; returns its packages. Done once for a digest."""
    kept = image.layout.parent / "packages.json"
    if kept.exists():
        return tuple(Package(**each) for each in json.loads(kept.read_text()))
    inventory = take_inventory(image.layout, image.digest)
    prove_present(project, plan.image, inventory, arch=Arch(plan.arch))
    _prove_version(plan, inventory)
    packages = installed_packages(inventory, project.image(plan.image).family)
    write_whole(kept, json.dumps([asdict(package) for package in packages]))
    return packages


def _prove_version(plan: Plan, inventory: Inventory) -> None:
    lines = inventory.text("/etc/kairos-release").splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line).get("KAIROS_VERSION", "").strip('"')
    if found != plan.version:
        raise WrongVersionError(
            f"/etc/kairos-release says version {found or 'nothing'!r}, the plan says {plan.version!r}",
            hint="The Kairos operator compares versions, not digests; see images/stamp/Dockerfile.",
        )
