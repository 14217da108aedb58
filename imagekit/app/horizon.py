"""Everything of a project that expires: in its images, its files, its fleet, its keys and its evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.app.diff import kept_build
from imagekit.app.image import built
from imagekit.base.errors import ConfigError, ImagekitError
from imagekit.build.kept import kept_builds
from imagekit.config.load import Project
from imagekit.inventory.certificates import certificates_of, expiries
from imagekit.inventory.horizon import Expiry, Place, Thresholds
from imagekit.oci.reference import Digest, Reference
from imagekit.plan.resolve import make_plan

if TYPE_CHECKING:
    from imagekit.trust.gate.model import Dated
    from imagekit.trust.gate.policy import Certificates

_FOLDERS = {"images": Place.PROJECT, "cloud-config": Place.PROJECT, "keys": Place.KEYS, "fleet": Place.FLEET}
_MOST = 4 << 20  # bytes of a file that is looked at


def horizon(project: Project, image: str | None) -> tuple[Expiry, ...]:
    """What expires; of an image (as `imagekit diff` names it) too when one is named. Raises `ImagekitError`."""
    seen: set[str] = set()
    found = list(_of_image(project, image)) if image else []
    seen |= {each.what.rpartition("sha256:")[2].rstrip(")") for each in found}
    files = _of_files(project.root, seen)
    return (*found, *files, *_of_layers(project), *_of_keys(project), *_of_evidence(project))


def thresholds(wanted: Certificates | None) -> Thresholds:
    """Those of a policy's rule, or the usual ones."""
    from imagekit.trust.gate.policy import span

    if wanted is None:
        return Thresholds()
    return Thresholds(warn=span(wanted.warn), block=span(wanted.block))


def dated_of(project: Project, reference: Reference) -> Callable[[Digest], Dated]:
    """Tells the gate what expires in a digest: of a build that is kept here, else of the image, pulled and verified."""
    from imagekit.trust.gate.model import Dated

    def ask(digest: Digest) -> Dated:
        try:
            kept = next((each for each in kept_builds(project.work) if each.digest == digest), None)
            if kept is not None:
                return Dated(certificates=certificates_of(kept.layout, kept.digest))
            from imagekit.app.disks import source_of

            source = source_of(project, str(reference.at(digest)))
            return Dated(certificates=certificates_of(source.layout, source.manifest))
        except (ImagekitError, OSError) as error:
            return Dated(problem=str(error))

    return ask


def _of_image(project: Project, text: str) -> tuple[Expiry, ...]:
    if "/" in text:
        from imagekit.app.disks import source_of

        source = source_of(project, text)
        return certificates_of(source.layout, source.manifest)
    build = built(project, make_plan(project, text)) if text in project.images else kept_build(project, text)
    return certificates_of(build.layout, build.digest)


def _of_files(root: Path, seen: set[str]) -> Iterator[Expiry]:
    """Certificates in the project's own files, those inside YAML too, as cloud-config and fleet files hold them."""
    for folder, place in _FOLDERS.items():
        for path in sorted((root / folder).rglob("*")):
            if not path.is_file() or path.stat().st_size > _MOST:
                continue
            where, data = str(path.relative_to(root)), path.read_bytes()
            if path.suffix in (".yaml", ".yml"):
                data = b"\n".join(line.strip() for line in data.splitlines())
            yield from expiries(data, place, where, seen)


def _of_layers(project: Project) -> Iterator[Expiry]:
    """Hardening controls that a layer waives: from its day on the control is required again."""
    for name, layer in sorted(project.layers.items()):
        for each in layer.hardening.waived:
            yield Expiry(
                place=Place.PROJECT,
                what=f"waiver of hardening {each.control}",
                where=f"images/{name}/layer.yaml",
                until=datetime.combine(date.fromisoformat(each.until), time(), UTC),
            )


def _of_keys(project: Project) -> Iterator[Expiry]:
    """The windows of trust.yaml's keys; a key that was revoked ends nothing any more."""
    from imagekit.trust.sign.trustedit import read_trust

    file = read_trust(project.root)
    for key in file.keys if file is not None else ():
        if key.not_after is not None and key.revoked is None:
            yield Expiry(place=Place.KEYS, what=f"key {key.id}", where="trust.yaml", until=key.not_after)


def _of_evidence(project: Project) -> Iterator[Expiry]:
    """Waivers: with its end the check that it lets pass blocks again."""
    from imagekit.app.trusted import trust_if_any
    from imagekit.trust.evidence.decisions import WAIVER_TYPE, read_waiver
    from imagekit.trust.gate.collect import read_files

    for item in read_files(project.root, trust_if_any(project)):
        said = item.reading.statement
        if said is None or said.predicate_type != WAIVER_TYPE or item.reading.problem is not None:
            continue
        waiver = read_waiver(said)
        if waiver is not None:
            what = f"waiver of {waiver.check} for {waiver.digest.short}"
            yield Expiry(place=Place.EVIDENCE, what=what, where=item.source, until=waiver.expires)


def rule_of(project: Project, channel: str | None) -> Thresholds:
    """The thresholds of a channel; raises `ConfigError` where its policy asks nothing."""
    from imagekit.trust.gate.policy import load_policy

    if channel is None:
        return Thresholds()
    wanted = load_policy(project.root).of(channel).certificates
    if wanted is None:
        raise ConfigError(
            f"the policy asks nothing of {channel} about certificates",
            hint="`certificates: {warn: 60d, block: 14d}` in policy.yaml does, see docs/certificates.md.",
        )
    return thresholds(wanted)
