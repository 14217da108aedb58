"""Every image for every architecture it is declared for, and the matrix of jobs for GitHub Actions (pure)."""

from __future__ import annotations

from typing import Any

from imagekit.config.load import Project
from imagekit.config.model import Arch
from imagekit.plan.model import Plan
from imagekit.plan.resolve import make_plan
from imagekit.plan.sources import Sources

# https://docs.github.com/en/actions/reference/runners/github-hosted-runners
RUNNERS = {Arch.AMD64: "ubuntu-24.04", Arch.ARM64: "ubuntu-24.04-arm"}
BOOTED = frozenset({Arch.AMD64})  # what the harness has virtual machines for


def make_plans(project: Project, *, arch: Arch | None = None) -> tuple[Plan, ...]:
    """Plans of all images, in the order of their declaration; of one architecture, where one is given.

    Raises `ConfigError` for the first image that cannot be planned.
    """
    wanted = ((name, one) for name, image in project.images.items() for one in image.arch if arch in (None, one))
    sources = Sources(project)
    return tuple(make_plan(project, name, arch=one, sources=sources) for name, one in wanted)


def as_matrix(plans: tuple[Plan, ...]) -> dict[str, Any]:
    """The `include` list of a job matrix: only plans whose inputs are all locked, for no other can be built."""
    return {"include": [_job(plan) for plan in plans if not plan.unlocked]}


def _job(plan: Plan) -> dict[str, Any]:
    arch = Arch(plan.arch)
    return {
        "image": plan.image,
        "arch": plan.arch,
        "runner": RUNNERS[arch],
        "family": plan.family,
        "version": plan.version,
        "plan": plan.id,
        "embedded": plan.embedded,
        "boot": arch in BOOTED,
    }
