"""The known vulnerabilities of an image of the project, of one that is kept here, or of a published one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.app.diff import kept_build
from imagekit.app.image import built
from imagekit.artifact.inventory import take_inventory
from imagekit.artifact.packagelist import Package
from imagekit.base.errors import ConfigError, ImagekitError
from imagekit.base.files import write_whole
from imagekit.build.kept import kept_builds
from imagekit.config.load import Project
from imagekit.config.model import Family
from imagekit.cve.errors import NoAdvisoriesError
from imagekit.cve.layers import Row, layers_of_packages
from imagekit.cve.model import Advisories, Scan
from imagekit.cve.vex import FOLDER, Statement, read_folder
from imagekit.oci.reference import Digest
from imagekit.plan.resolve import make_plan

if TYPE_CHECKING:
    from imagekit.trust.gate.model import Scanned
    from imagekit.trust.gate.view import View
    from imagekit.trust.sign.interface import Verifier

_CACHE = "advisories"
_SCANS = "cve"


def cve(
    project: Project, text: str, *, since: str | None = None, now: datetime, verifier: Verifier | None = None
) -> Scan:
    """Scan what `text` names, as `imagekit diff` understands it, and mark what is new against `since`.

    `since` is named in the same way; by default it is the last other digest of the image that a run here published.
    Raises `NoAdvisoriesError`, `AdvisoryError`, and what reading an image raises.
    """
    from imagekit.cve.match import compared

    image, layout, digest, rows = _image(project, text, verifier)
    found = _scan(project, layout, digest, rows, now)
    keep_scan(project, digest, found)
    before = since or _last_release(project, image, digest)
    if before is None:
        return found
    return compared(found, *_earlier(project, before, now, verifier))


def sbom_scan(project: Project, path: Path, now: datetime) -> Scan:
    """Scan the packages of a CycloneDX file."""
    from imagekit.base.strictjson import read_object
    from imagekit.cve.match import scan
    from imagekit.cve.sbom import packages_of_sbom

    packages = packages_of_sbom(read_object(path.read_bytes(), str(path), limit=64 << 20))
    return scan(packages, advisories(project, distro_of(packages), now), statements(project))


def advisories(project: Project, distro: str, now: datetime) -> Advisories:
    """What the project's sources say of a distribution."""
    from imagekit.cve.source import load

    cache = project.work / _CACHE
    return load(project.settings.advisories, distro, root=project.root, cache=cache, now=now)


def statements(project: Project) -> tuple[Statement, ...]:
    """The project's VEX statements."""
    return read_folder(project.root / FOLDER)


def distro_of(packages: Sequence[Package]) -> str:
    """The distribution that most of the packages are of; raises `NoAdvisoriesError` without one."""
    from collections import Counter

    named = Counter(each.distro for each in packages if each.distro)
    if not named:
        raise NoAdvisoriesError(
            "the image does not say which distribution it is", hint="Its /etc/os-release names ID and VERSION_ID."
        )
    return named.most_common(1)[0][0]


def scanner_of(project: Project) -> Callable[[View], Scanned]:
    """Scans the signed bill of materials of a digest for the gate; sources are read once for each distribution."""
    from imagekit.trust.gate.model import Scanned
    from imagekit.trust.gate.vulnerable import scan_evidence

    known: dict[str, Advisories] = {}

    def load(distro: str, now: datetime) -> Advisories:
        if distro not in known:
            known[distro] = advisories(project, distro, now)
        return known[distro]

    def ask(view: View) -> Scanned:
        try:
            return scan_evidence(view, lambda distro: load(distro, view.now), statements(project))
        except ImagekitError as error:
            return Scanned(problem=str(error))

    return ask


def _image(project: Project, text: str, verifier: Verifier | None) -> tuple[str, Path, Digest, list[Row]]:
    """Name, layout, digest, and the project's layers from the bottom, where they are known."""
    if "/" in text:
        from imagekit.app.disks import source_of

        source = source_of(project, text, verifier=verifier)
        kept = next((each for each in kept_builds(project.work) if each.digest == source.manifest), None)
        if kept is None:
            return text.partition("@")[0].rpartition("/")[2].partition(":")[0], source.layout, source.manifest, []
        build = kept
    else:
        build = built(project, make_plan(project, text)) if text in project.images else kept_build(project, text)
    return (
        build.image,
        build.layout,
        build.digest,
        [Row(layer.name, layer.digest, layer.size) for layer in build.layers],
    )


def _scan(project: Project, layout: Path, digest: Digest, rows: list[Row], now: datetime) -> Scan:
    from imagekit.cve.match import scan

    packages = packages_of(layout, digest)
    known = advisories(project, distro_of(packages), now)
    return scan(packages, known, statements(project), layers_of_packages(layout, digest, rows))


def packages_of(layout: Path, digest: Digest) -> tuple[Package, ...]:
    """The packages of an image; raises `PackageListError` for one without a package database."""
    from imagekit.artifact.packages import installed_packages

    contents = take_inventory(layout, digest)
    family = Family.DEBIAN if contents.resolve("/var/lib/dpkg/status") else Family.RHEL
    return installed_packages(contents, family)


def keep_scan(project: Project, digest: Digest, found: Scan) -> None:
    """Keep the first scan of a digest: what was known of it when it was released."""
    path = _kept_path(project, digest)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        pairs = sorted({(each.cve, each.name) for each in found.found})
        write_whole(path, json.dumps({"as_of": found.as_of.isoformat(), "found": pairs}) + "\n")


def _kept_path(project: Project, digest: Digest) -> Path:
    return project.work / _SCANS / f"{digest.hex}.json"


def _earlier(
    project: Project, text: str, now: datetime, verifier: Verifier | None
) -> tuple[list[tuple[str, str]], str]:
    """Pairs of CVE and package that were known of an earlier release, and what that was in words."""
    if "/" not in text and text.startswith("sha256:") and (kept := _kept_scan(project, Digest(text))) is not None:
        return kept
    _, layout, digest, rows = _image(project, text, verifier)
    if (kept := _kept_scan(project, digest)) is not None:
        return kept
    found = _scan(project, layout, digest, rows, now)
    return [(each.cve, each.name) for each in found.found], f"{digest.short}, by today's data: it was not scanned then"


def _kept_scan(project: Project, digest: Digest) -> tuple[list[tuple[str, str]], str] | None:
    try:
        said = json.loads(_kept_path(project, digest).read_text())
        pairs = [(str(cve), str(name)) for cve, name in said["found"]]
        return pairs, f"{digest.short} as scanned with data of {datetime.fromisoformat(said['as_of']):%Y-%m-%d}"
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _last_release(project: Project, image: str, digest: Digest) -> str | None:
    """The digest that was published last before this one and is still known here."""
    from imagekit.app.remember import open_history
    from imagekit.history import read

    try:
        with open_history(project) as history:
            published = [run.digest for run in read.runs(history, image) if run.published and run.digest != str(digest)]
    except ImagekitError:
        return None
    for each in reversed(published):
        if _kept_scan(project, Digest(each)) is not None:
            return each
        try:
            return str(kept_build(project, each).digest)
        except ConfigError:
            continue
    return None


def judged(project: Project, found: Scan, channel: str, now: datetime) -> tuple[int, str]:
    """What a channel's rule says of a scan: the exit code and the reason; raises `ConfigError` without such a rule."""
    from imagekit.trust.gate.policy import load_policy
    from imagekit.trust.gate.vulnerable import over, too_old

    wanted = load_policy(project.root).of(channel).vulnerabilities
    if wanted is None:
        raise ConfigError(
            f"the policy asks nothing of {channel} about vulnerabilities",
            hint="`vulnerabilities: {fixable: 0}` in policy.yaml does, see docs/vulnerabilities.md.",
        )
    if reported := too_old(found, wanted, now):
        return NoAdvisoriesError.exit_code, reported
    problems = over(found, wanted)
    return (1, "; ".join(problems)) if problems else (0, "within what the policy allows")
