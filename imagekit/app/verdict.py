"""Which run passed as a whole, by what its verdict is about, so that a run with nothing to do shows that one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from imagekit.app.kept import dependencies
from imagekit.base.errors import ConfigError
from imagekit.base.files import write_whole
from imagekit.config.load import Project
from imagekit.machine.interface import BootPath
from imagekit.oci.reference import Digest
from imagekit.plan.model import inputs_id
from imagekit.report.result import FILE_NAME, RunResult, Verdict, read_result


def verdict_id(
    project: Project, image_name: str, digest: Digest, boot_paths: Sequence[BootPath], *, lifecycle: Sequence[str] = ()
) -> str:
    """Names all that a verdict depends on: digest, checks, harness, machine, cloud-config, boot paths, scenarios."""
    inputs = dependencies(project, image_name, digest) | {"boot_paths": " ".join(boot_paths)}
    return inputs_id(inputs | ({"lifecycle": " ".join(lifecycle)} if lifecycle else {}))


def kept_verdict(work: Path, name: str) -> RunResult | None:
    """The result of the run that passed under this id, while its file is still there and whole."""
    try:
        run_id = json.loads((work / "verdicts" / name).read_text())["run"]
        result = read_result(work / "runs" / run_id / FILE_NAME)
    except (FileNotFoundError, ConfigError, ValueError, KeyError, TypeError):
        return None
    return result if result.verdict is Verdict.PASSED else None


def keep_verdict(work: Path, name: str, run_id: str) -> None:
    """Remember which run passed under this id."""
    folder = work / "verdicts"
    folder.mkdir(exist_ok=True)
    write_whole(folder / name, json.dumps({"run": run_id}))
