"""What differs between two images: as the project stands, kept here, of a run, or published."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.app.image import built
from imagekit.app.runs import find_run
from imagekit.base.errors import ConfigError, ImagekitError
from imagekit.base.git import Git
from imagekit.base.strictjson import MANIFEST_FIELDS, read_object
from imagekit.build.kept import kept_builds, plan_of
from imagekit.build.result import Build
from imagekit.config.load import Project
from imagekit.inventory.compare import Comparison, compare
from imagekit.inventory.layerdiff import Image
from imagekit.inventory.model import ImageInventory, LayerSize
from imagekit.inventory.take import NAME, inventory_of, named, take
from imagekit.oci.reference import Digest
from imagekit.plan.resolve import make_plan
from imagekit.report.result import read_result

if TYPE_CHECKING:
    from imagekit.app.disks import DiskSource
    from imagekit.trust.sign.interface import Verifier

_RUN = re.compile(r"\d{8}-\d{6}(-[0-9a-f]*)?")
_PREFIX = re.compile(r"(sha256:)?[0-9a-f]{7,64}")
_COMMIT = re.compile(r"([0-9a-f]{40})(-dirty)?")
SOURCES = ("images", "cloud-config")  # what an image is made of
_LAYOUT = "oci:"
_GONE = "`imagekit history` and a REF by digest reach what is published; `imagekit build IMAGE` makes one again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two images, as it was asked for."""

    asked: str
    inventory: ImageInventory
    image: Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """Two images, what differs, and the commits between; None where git does not know both."""

    a: Side
    b: Side
    comparison: Comparison
    commits: tuple[str, ...] | None


def diff(project: Project, a: str, b: str, *, verifier: Verifier | None = None) -> Diff:
    """Compare two images.

    Each is an image of the project by name (built when it was not), a version, plan id or digest of a build that is
    kept here, a run id, or a reference (anything with a slash), which is verified as `source_of` does, by `verifier`
    or the project's trusted keys. Raises `ConfigError` for what is not there, and what `source_of` raises.
    """
    one, two = _side(project, a, verifier), _side(project, b, verifier)
    return Diff(
        a=one,
        b=two,
        comparison=compare(one.inventory, two.inventory),
        commits=commits_between(project.root, one.inventory.revision, two.inventory.revision),
    )


def inventory_of_build(build: Build) -> ImageInventory:
    """The inventory of a build that is kept here, with the names of its layers."""
    found, plan = inventory_of(build.layout, build.digest, build.layout.parent / NAME), plan_of(build)
    if plan is not None:
        found = replace(found, revision=plan.source.revision)
    return named(found, tuple(LayerSize(layer.name, layer.digest, layer.size) for layer in build.layers))


def commits_between(root: Path, a: str, b: str) -> tuple[str, ...] | None:
    """The commits that touched an image's sources after revision `a` up to `b`, newest first, one line each.

    Those that only `a` has are marked; changes in no commit are said. None when git does not know both revisions.
    """
    old, new = _COMMIT.fullmatch(a), _COMMIT.fullmatch(b)
    if old is None or new is None:
        return None
    git, lines = Git(root), []
    try:
        if any(git("cat-file", "-e", f"{each[1]}^{{commit}}", ok=(0, 1, 128)).returncode for each in (old, new)):
            return None
        for mark, since, until in (("", old[1], new[1]), ("only before: ", new[1], old[1])):
            found = git.text("log", "--no-show-signature", "--format=%h %s", f"{since}..{until}", "--", *SOURCES)
            lines += [mark + line for line in found.splitlines()]
    except ImagekitError:
        return None
    return (*(["changes that are in no commit"] if new[2] else []), *lines)


def kept_build(project: Project, text: str) -> Build:
    """The build that is kept here under a version, the beginning of a plan id or digest, or of a run.

    Raises `ConfigError` when there is none, or several.
    """
    builds = kept_builds(project.work)
    if _RUN.fullmatch(text):
        result = read_result(find_run(project.work, text))
        if not result.digest:
            raise ConfigError(f"run {result.run_id} ended before an image was built", hint="Name another run.")
        found = [each for each in builds if str(each.digest) == result.digest]
        if not found:
            raise ConfigError(f"the build of run {result.run_id} ({result.version}) is not kept any more", hint=_GONE)
        return found[0]
    plain = text.removeprefix("sha256:") if _PREFIX.fullmatch(text) else None
    found = [
        each
        for each in builds
        if each.version == text or (plain and (each.digest.hex.startswith(plain) or each.plan_id.startswith(plain)))
    ]
    if len({each.digest for each in found}) == 1:
        return found[0]
    what = "no image, run or kept build" if not found else f"{len(found)} kept builds"
    known = ", ".join(dict.fromkeys(each.version for each in builds[:5])) or "none"
    raise ConfigError(
        f"{what} named {text!r}",
        hint=f"Name an image of the project, a version (kept here: {known}), a run or a published REF.",
    )


def _side(project: Project, text: str, verifier: Verifier | None) -> Side:
    if text.startswith(_LAYOUT):
        return _layout(text)
    if "/" in text:
        return _published(project, text, verifier)
    build = built(project, make_plan(project, text)) if text in project.images else kept_build(project, text)
    return _of_build(text, build)


def _of_build(asked: str, build: Build) -> Side:
    found = inventory_of_build(build)
    image = Image(layout=build.layout, manifest=build.digest, names=_blob_names(found))
    return Side(asked=asked, inventory=found, image=image)


def _blob_names(found: ImageInventory) -> tuple[str, ...]:
    """The name of each blob of an image, from the bottom up, where the build knows which one is a layer's topmost."""
    tops = {layer.digest: layer.name for layer in found.layers if layer.name}
    return tuple(tops.values()) if len(tops) == len(found.layers) else ()


def _layout(text: str) -> Side:
    """A layout folder of this machine with one image, as another checkout's build left it; nothing vouches for it."""
    folder = Path(text.removeprefix(_LAYOUT))
    try:
        index = read_object((folder / "index.json").read_bytes(), f"{folder}/index.json", fields=MANIFEST_FIELDS)
        manifest = Digest(str(index["manifests"][0]["digest"]))
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise ConfigError(f"{folder}: no OCI layout with an image ({error})") from None
    return Side(asked=text, inventory=take(folder, manifest)[1], image=Image(layout=folder, manifest=manifest))


def _published(project: Project, text: str, verifier: Verifier | None) -> Side:
    from imagekit.app.disks import source_of

    source = source_of(project, text, verifier=verifier)
    for build in kept_builds(project.work):
        if build.digest == source.manifest:
            return _of_build(text, build)
    found = inventory_of(source.layout, source.manifest, source.layout / NAME)
    found = replace(found, revision=_revision(project, source, verifier) or found.revision)
    return Side(asked=text, inventory=found, image=Image(layout=source.layout, manifest=source.manifest))


def _revision(project: Project, source: DiskSource, verifier: Verifier | None) -> str:
    """The commit that a published image's provenance names; the newest that says so where there are several."""
    from imagekit.app.release import registry_client
    from imagekit.app.trusted import trust_of
    from imagekit.trust.evidence.provenance import read_provenance
    from imagekit.trust.evidence.statement import PROVENANCE_TYPE
    from imagekit.trust.proof import read_proof

    place = source.published
    with registry_client(project, place.registry) as client:
        proof = read_proof(client, place.repository, source.manifest, verifier or trust_of(project).verifier())
    read = [made for each in proof.of_type(PROVENANCE_TYPE) if (made := read_provenance(each)) is not None]
    clean = [made.revision for made in read if made.revision and not made.dirty]
    return (clean or [f"{made.revision}-dirty" for made in read if made.revision] or [""])[-1]
