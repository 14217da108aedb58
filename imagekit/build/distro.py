"""The embedded base: a distribution's root file system made by mmdebstrap from the machine's own package mirror."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from imagekit.base.files import write_whole
from imagekit.base.log import bar, step
from imagekit.base.process import ProcessError, run
from imagekit.base.text import one_line
from imagekit.build.mirror import MirrorError, debian_mirror, warn_of_missing_security
from imagekit.build.packages import distro_repository
from imagekit.config.imagesfile import DistroFile
from imagekit.config.load import Project, parse_file
from imagekit.packages.aptsource import archives_of
from imagekit.plan.model import Plan

ARCHIVES = "archives.sources"
_TIMEOUT = 1800.0
_UNFETCHED = re.compile(r"^\s*E: Failed to fetch (\S+)\s+(.+)$", re.MULTILINE)  # apt's words, by way of mmdebstrap
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
            spec = parse_file(DistroFile, source / "distro.yaml")
            _mmdebstrap(spec, source, partial, mirrors(project, plan, spec, folder), locked=plan.locked)
            partial.rename(folder / "rootfs.tar")
        finally:
            partial.unlink(missing_ok=True)
        current.note = f"{(folder / 'rootfs.tar').stat().st_size / 1e6:.0f} MB"
    return folder


def mirrors(project: Project, plan: Plan, spec: DistroFile, folder: Path) -> list[str]:
    """What mmdebstrap is given as mirrors. A floating image keeps them: its layers install from the same archives."""
    if plan.locked:
        # copy: and not file:, for apt runs outside of the new root and dpkg inside.
        return [f"deb [trusted=yes] copy:{quote(str(distro_repository(project, plan)))} ./"]
    mirror, suites = debian_mirror(project.settings.debian_mirror), (spec.suite, *spec.pockets)
    lines = mirror.sources(suites, spec.components)
    archives = archives_of(project.root, project.settings)
    warn_of_missing_security(mirror, suites, [each.suite for each in archives])
    keyed = "\n".join(each.stanza for each in archives if each.key)
    if keyed:
        write_whole(folder / ARCHIVES, keyed)
    return [*lines, *(each.line for each in archives if not each.key), *([str(folder / ARCHIVES)] if keyed else [])]


def _mmdebstrap(spec: DistroFile, source: Path, target: Path, sources: list[str], *, locked: bool) -> None:
    lines = 0

    def tell(line: str) -> None:
        nonlocal lines
        lines = min(lines + 1, _LINES_OF_A_RUN - 1)
        bar("distro", lines, _LINES_OF_A_RUN, line.removeprefix("I: "))

    with within_reach(source, spec.customize) as hooks:
        try:
            run(
                arguments(spec, hooks, target, sources, locked=locked),
                timeout=_TIMEOUT,
                env={"SOURCE_DATE_EPOCH": str(spec.source_date_epoch)},
                on_line=tell,
            )
        except ProcessError as error:
            if locked or (found := _UNFETCHED.search(error.stderr)) is None:
                raise
            raise MirrorError(
                f"the base {spec.suite} cannot be made of what archives have: {found[1]}: {one_line(found[2], 200)}",
                hint="Try again, or name another one (`debian_mirror`, `apt_archives` in imagekit.yaml). "
                "What is locked asks none of them: `--locked`.",
            ) from None


@contextmanager
def within_reach(source: Path, script: str | None) -> Iterator[Path]:
    """A folder with the script of `source`, which mmdebstrap can run: without root it does so as another user.

    That one is of the range in subuid(5), and homes are shut to it.
    """
    if os.geteuid() == 0 or not script:
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="imagekit-hook-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        copy = folder / script
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((source / script).read_bytes())
        copy.chmod(0o755)
        yield folder


def arguments(
    spec: DistroFile, source: Path, target: Path, sources: list[str], *, locked: bool = False
) -> list[str | Path]:
    """The command line of mmdebstrap(1)."""
    hooks = [f"--customize-hook={source / spec.customize}"] if spec.customize else []
    if locked:
        # The address is a folder of this machine; an image of a lock has no archive that it could float with.
        hooks.append('--customize-hook=: >"$1/etc/apt/sources.list"')
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
