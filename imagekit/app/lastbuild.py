"""What changed since the last build of an image here; `imagekit plan` imports this, and nothing that builds."""

from __future__ import annotations

from imagekit.build.kept import kept_builds, plan_of
from imagekit.config.load import Project
from imagekit.plan.compare import changed_stages
from imagekit.plan.model import Plan


def since_last_build(project: Project, plan: Plan) -> tuple[str, ...]:
    """Which stages of a plan differ from the last build of the image that is kept here, and why."""
    builds = [build for build in kept_builds(project.work) if build.image == plan.image]
    for build in builds:
        if build.plan_id == plan.id:
            return (f"built: {build.digest}",)
    for build in builds:
        before = plan_of(build)
        if before is None:
            return (f"the last build, {build.version}, does not say what it was made from",)
        if before.arch == plan.arch:
            reported = changed_stages(before, plan) or ("imagekit itself builds it in another way",)
            return (f"since the last build, {build.version}:", *(f"  {line}" for line in reported))
    return ()
