"""The embedded base: a distribution's root file system made by mmdebstrap from the machine's own package mirror."""

from __future__ import annotations

import os
from pathlib import Path

from imagekit.base.log import bar, step
from imagekit.base.process import run
from imagekit.build.mirror import debian_mirror
from imagekit.config.load import Project, parse_file
from imagekit.config.model import DistroFile
from imagekit.plan.model import Plan

_TIMEOUT = 1800.0
_LINES_OF_A_RUN = 14  # lines mmdebstrap writes on a quiet run; only the progress bar stands on this


def distro_context(project: Project, plan: Plan) -> Path:
    """The folder holding ``rootfs.tar`` for the plan's distro stage, made on first use; named by the stage's id."""
    stage = plan.stage("distro")
    folder = project.work / "distro" / stage.id[:32]
    if (folder / "rootfs.tar").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    source = project.located(stage.context)
    with step(f"Base: {stage.args['DISTRO']} by mmdebstrap") as current:
        partial = folder / f".rootfs.{os.getpid()}.tar"
        try:
            _mmdebstrap(parse_file(DistroFile, source / "distro.yaml"), source, partial, project.settings.debian_mirror)
            partial.rename(folder / "rootfs.tar")
        finally:
            partial.unlink(missing_ok=True)
        current.note = f"{(folder / 'rootfs.tar').stat().st_size / 1e6:.0f} MB"
    return folder


def _mmdebstrap(spec: DistroFile, source: Path, target: Path, mirror: str | None) -> None:
    lines = 0

    def tell(line: str) -> None:
        nonlocal lines
        lines = min(lines + 1, _LINES_OF_A_RUN - 1)
        bar("distro", lines, _LINES_OF_A_RUN, line.removeprefix("I: "))

    run(
        arguments(spec, source, target, debian_mirror(mirror).sources((spec.suite, *spec.pockets), spec.components)),
        timeout=_TIMEOUT,
        env={"SOURCE_DATE_EPOCH": str(spec.source_date_epoch)},
        on_line=tell,
    )


def arguments(spec: DistroFile, source: Path, target: Path, sources: list[str]) -> list[str | Path]:
    """The command line of mmdebstrap(1)."""
    hooks = [f"--customize-hook={source / spec.customize}"] if spec.customize else []
    return [
        "mmdebstrap",
        "--mode=auto",
        "--format=tar",
        f"--variant={spec.variant}",
        f"--components={','.join(spec.components)}",
        f"--include={','.join(spec.include)}",
        *(f"--aptopt={option}" for option in spec.apt_options),
        *(f"--dpkgopt={option}" for option in spec.dpkg_options),
        *hooks,
        spec.suite,
        target,
        *sources,
    ]
