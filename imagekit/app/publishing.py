"""Publishing what passed before, without a run of its own."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from imagekit.app.interface import Backend, Subject
from imagekit.app.outcome import run_result
from imagekit.app.record import StageRecorder
from imagekit.app.reuse import Reuse, tested_before
from imagekit.config.load import Project
from imagekit.machine.interface import BootPath
from imagekit.report.result import ReleaseRow, Verdict


def publish_tested(
    project: Project, image_name: str, boot_paths: Sequence[BootPath], backend: Backend | None = None
) -> ReleaseRow:
    """Publish an image that passed before on these boot paths; raises `NotPassedError` when it did not."""
    from imagekit.registry.errors import NotPassedError

    if backend is None:
        from imagekit.app.local import LocalBackend

        backend = LocalBackend()
    plan = backend.plan(project, image_name)
    image = backend.earlier_build(project, plan)
    record = StageRecorder(expected=(), again=f"imagekit publish {image_name}")
    if image is not None:
        run_id = f"publish-{secrets.token_hex(4)}"
        subject = Subject(project=project, name=image_name, image=image, run_id=run_id, folder=project.work)
        result = run_result(
            record,
            tested_before(Reuse(backend, subject), tuple(boot_paths)),
            run_id=run_id,
            image=image_name,
            embedded=subject.spec.embedded,
            began=backend.now(),
            plan=plan,
            built=image,
        )
        if result.verdict is Verdict.PASSED:
            return backend.publish(project, plan, image, result, backend.prove(project, plan, image))
    raise NotPassedError(
        f"{image_name} {plan.version} has not passed its tests as it stands now; it is not published",
        hint=f"Run `imagekit run {image_name}`, which tests and publishes.",
    )
