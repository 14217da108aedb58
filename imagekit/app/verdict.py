"""Verdicts kept by what they are about, so that an unchanged image is not tested twice. Only passes are kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from imagekit import __version__
from imagekit.base.errors import ConfigError
from imagekit.checks.suitehash import suite_hash
from imagekit.config.load import Project
from imagekit.machine.interface import Road
from imagekit.oci.reference import Digest
from imagekit.plan.model import inputs_id
from imagekit.plan.tree import folder_hash
from imagekit.report.result import FILE_NAME, RunResult, Verdict, read_result, write_whole
from imagekit.scenarios.table import chosen

HARNESS = Path("vm-harness")


def verdict_id(
    project: Project, image_name: str, digest: Digest, roads: Sequence[Road], *, lifecycle: Sequence[str] = ()
) -> str:
    """Names all that a verdict depends on: digest, checks, harness, machine, cloud-config, roads, scenarios."""
    image = project.image(image_name)
    seeds = [sha256((project.root / path).read_bytes()).hexdigest() for path in image.cloud_config]
    return inputs_id(
        {
            "digest": str(digest),
            "suites": suite_hash(image.layers, project.root / HARNESS / "checks"),
            "harness": folder_hash(project.root / HARNESS),
            "version": __version__,
            "machine": image.vm.model_dump_json(),
            "cloud-config": " ".join(seeds),
            "roads": " ".join(roads),
            **({"lifecycle": " ".join(lifecycle)} if lifecycle else {}),
        }
    )


def kept_verdict(work: Path, name: str) -> RunResult | None:
    """The result of the run that passed under this id, while its file is still there and whole."""
    try:
        run_id = json.loads((work / "verdicts" / name).read_text())["run"]
        result = read_result(work / "runs" / run_id / FILE_NAME)
    except (FileNotFoundError, ConfigError, ValueError, KeyError):
        return None
    return result if result.verdict is Verdict.PASSED else None


def fullest_verdict(project: Project, image_name: str, digest: Digest, roads: Sequence[Road]) -> RunResult | None:
    """What passed of an image: checks and every scenario, or else the checks alone; None when neither did."""
    names = [scenario.name for scenario in chosen(())]
    ids = [verdict_id(project, image_name, digest, roads, lifecycle=part) for part in (names, ())]
    return next((found for name in ids if (found := kept_verdict(project.work, name)) is not None), None)


def keep_verdict(work: Path, name: str, run_id: str) -> None:
    """Remember which run passed under this id."""
    folder = work / "verdicts"
    folder.mkdir(exist_ok=True)
    write_whole(folder / name, json.dumps({"run": run_id}))
