"""The whole way of one image, recorded stage by stage; one result file at the end, whatever the end is."""

from __future__ import annotations

import shutil
from dataclasses import replace

from imagekit.app.budget import prune, removal_note
from imagekit.app.declaring import declared_at
from imagekit.app.interface import Backend
from imagekit.app.options import Finished, Options
from imagekit.app.remember import remember_run, tell_expected
from imagekit.app.runs import new_run, write_views
from imagekit.app.stages import Run
from imagekit.base.errors import ImagekitError
from imagekit.base.log import progress
from imagekit.config.load import Project
from imagekit.machine.profile import parse_profile
from imagekit.report.result import Verdict, write_result


def run_image(project: Project, name: str, options: Options, backend: Backend | None = None) -> Finished:
    """Build, test and publish an image; errors end up in the result and in `Finished.error`, never half reported.

    What passed before of the same digest is reused, and the result says of which day it is.
    """
    if backend is None:
        from imagekit.app.local import LocalBackend

        backend = LocalBackend()
    if options.firmware:
        firmware, tpm = parse_profile(options.firmware)
        project = project.with_machine(name, firmware, tpm=tpm)
    if options.lifecycle is not None:
        options = replace(options, lifecycle=options.lifecycle.seeded())
    run = Run(project, name, options, backend, *new_run(project.work))
    if words := removal_note(prune(project, own_run=run.run_id)):
        progress(words)
    error: BaseException | None = None
    tell_expected(project, name, options.stages)
    try:
        run.go()
    except (ImagekitError, KeyboardInterrupt) as caught:
        error = caught
    result = run.result()
    if error is None and (earlier := run.done_before(result)) is not None:
        shutil.rmtree(run.folder)
        return Finished(result=earlier, page=project.work / "runs" / earlier.run_id / "report.html", unchanged=True)
    if not isinstance(error, KeyboardInterrupt):
        result = replace(result, changes=run.changes())
    image = project.image(name)
    result = replace(result, declared=declared_at(project.root, result, image.family, image.cloud_config))
    write_result(result, run.folder)
    remember_run(project, result)
    if result.verdict is Verdict.PASSED:
        run.keep_verdict(result)
    return Finished(result=result, page=write_views(result, run.folder), error=error)
