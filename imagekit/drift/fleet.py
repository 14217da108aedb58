"""Digests that channels and fleet files name, and the rehearsal of going back to one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from imagekit.app.context import open_release_context, verified_home
from imagekit.app.disks import source_of
from imagekit.app.interface import Backend, Subject
from imagekit.app.trusted import keys_of
from imagekit.artifact.inventory import take_inventory
from imagekit.base.errors import ConfigError, ImagekitError, RefusedError
from imagekit.base.text import one_line
from imagekit.build.result import Build
from imagekit.config.load import Project
from imagekit.drift.interface import InfrastructureError
from imagekit.drift.model import Released, Result, Trial
from imagekit.fleet.read import read_fleet_files
from imagekit.fleet.resolve import digest_of
from imagekit.oci.reference import Digest
from imagekit.release.channel.history import replay
from imagekit.scenarios.options import ScenarioOptions
from imagekit.scenarios.variants import RELEASE, version_in
from imagekit.trust.sign.trust import TRUST_FILE


def released_of(project: Project, image: str) -> Sequence[Released]:
    """Every digest of an image that is meant to run somewhere, the last promoted first; pinned ones at the end.

    Raises `ImagekitError` for a ledger that does not verify or a fleet file that does not read.
    """
    if not (project.root / TRUST_FILE).exists() and not keys_of(project).public_path.exists():
        return ()
    with open_release_context(project) as context:
        channels = replay(context.chain())
    since: dict[str, datetime] = {}
    where: dict[str, str] = {}
    named: dict[str, list[str]] = {}
    for channel, images in channels.items():
        if image in images:
            pointer = images[image]
            where[pointer.digest] = pointer.reference
            since[pointer.digest] = max(pointer.since, since.get(pointer.digest, pointer.since))
            named.setdefault(pointer.digest, []).append(f"channel {channel}")
    for name, node in read_fleet_files(project.root).nodes.items():
        digest = digest_of(node, channels) if node.image == image else None
        if digest is not None and node.digest is not None:
            where.setdefault(str(digest), str(verified_home(project, image).at(digest)))
            named.setdefault(str(digest), []).append(f"node {name}")
    order = sorted(named, key=lambda digest: (digest in since, since.get(digest)), reverse=True) if since else [*named]
    return tuple(Released(digest=each, reference=where[each], named_by=tuple(named[each])) for each in order)


def rehearse(
    project: Project, backend: Backend, image: str, released: Released, newest: Released | None, folder: Path
) -> Trial:
    """Pull and verify it, install it, upgrade it to the newest and go back to it; without a newer one install alone.

    Raises `InfrastructureError` when something else stood in the way.
    """
    subject_at = newest or released
    names = ("rollback",) if newest is not None else ("install",)
    options = ScenarioOptions(names=names, upgrade_from=released.reference).seeded()
    try:
        subject = _subject(project, image, subject_at, folder)
        origin = backend.origin(subject, options)
        runs = [each.result for each in backend.run_scenarios(subject, origin, options)]
    except RefusedError as error:
        return Trial(result=Result.BAD, digest=released.digest, reason=one_line(str(error), 500))
    except (ImagekitError, OSError) as error:
        raise InfrastructureError(one_line(str(error), 500)) from None
    bad = [each for each in runs if each.blocks]
    if not runs:
        raise InfrastructureError("no scenario was run")
    return Trial(
        result=Result.BAD if bad else Result.GOOD,
        digest=released.digest,
        failed=tuple(f"scenario:{each.name}" for each in bad),
        reason=one_line(bad[0].detail, 500) if bad else "",
    )


def _subject(project: Project, image: str, released: Released, folder: Path) -> Subject:
    source = source_of(project, released.reference)
    if source.manifest != Digest(released.digest):
        raise ConfigError(f"{released.reference} is {source.manifest}")
    # What the node itself says: the scenarios hold it against what they upgrade to.
    version = version_in(take_inventory(source.layout, source.manifest).text(RELEASE)) or source.version
    build = Build(
        image=image,
        plan_id="",
        version=version,
        digest=source.manifest,
        layout=source.layout,
        layers=(),
        seconds=0.0,
        reused=True,
    )
    folder.mkdir(parents=True, exist_ok=True)
    return Subject(project=project, name=image, image=build, run_id=folder.name, folder=folder)
