"""Fetching what the gate decides from: bundles of the registry, and the project's files of waivers and denials."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.base.errors import RefusedError
from imagekit.oci.reference import Digest, Reference
from imagekit.trust.change.model import Changed
from imagekit.trust.described import described, served
from imagekit.trust.evidence.denial import Denial
from imagekit.trust.finding import Finding, Requirement, Status
from imagekit.trust.gate.evaluate import evaluate
from imagekit.trust.gate.model import Dated, Decision, Evidence, Item, Scanned, Stays
from imagekit.trust.gate.policy import Policy
from imagekit.trust.gate.view import View
from imagekit.trust.proof import Found, read_bundles
from imagekit.trust.sign.trust import SKEW, Problem, Reading, TrustStore

if TYPE_CHECKING:
    from imagekit.registry.client import Registry

WAIVERS, YANKS, MUTES = Path("waivers"), Path("yanks"), Path("mutes")
_FILE_LIMIT = 16 << 20
_MOST_FILES = 2000
_STRANGERS = 200  # bundles that do not count and are kept to be named; each may claim 16 MiB
logger = logging.getLogger(__name__)
_NAMED = re.compile(r"[0-9a-f]{64}")


def collect(
    client: Registry,
    repository: str,
    digest: Digest,
    trust: TrustStore,
    *,
    suites: Mapping[str, str],
    files: Sequence[Item] = (),
) -> Evidence:
    """Read every bundle that refers to a digest against the trust file; what does not count keeps its reason.

    Raises `RefusedError` when the list of referrers cannot be read, and what `Registry` raises.
    """
    image = client.manifest(repository, digest)
    about = described(client, repository, image)
    items: list[Item] = []
    strangers = 0
    for found in read_bundles(client, repository, digest):
        reading = _reading(found, trust)
        nobody = reading.key is None and reading.denial is None
        strangers += nobody
        if not nobody or strangers <= _STRANGERS:
            items.append(Item(source=str(found.referrer), reading=reading))
    if strangers > _STRANGERS:
        logger.warning("%d bundles by nobody who is trusted refer to %s in %s", strangers, digest.short, repository)
    return Evidence(
        digest=digest,
        image=about.image,
        items=(*items, *files),
        suites=dict(suites),
        arch=about.arch,
        version=about.version,
    )


def _reading(found: Found, trust: TrustStore) -> Reading:
    """What does not hang at the image as it should counts for nothing, but a denial in it does."""
    if not found.bundle:
        return Reading(statement=None, problem=Problem.DAMAGED, reason=found.problem)
    reading = trust.read(found.bundle)
    if not found.problem:
        return reading
    return replace(reading, statement=None, problem=Problem.DAMAGED, reason=found.problem)


def read_files(root: Path, trust: TrustStore, folders: Sequence[Path] = (WAIVERS, YANKS, MUTES)) -> tuple[Item, ...]:
    """The bundles under ``waivers/``, ``mutes/`` and ``yanks/`` of a project, read against its trust file.

    Waivers and mutes are ``*.json``. Under ``yanks/`` every file is read, for what is reviewed there is meant to stop
    an image.
    """
    paths = [path for folder in folders for path in _files(root / folder, every=folder == YANKS)]
    if len(paths) > _MOST_FILES:
        raise RefusedError(f"{root}: {len(paths)} files of waivers, mutes and denials, {_MOST_FILES} are read at most")
    return tuple(Item(source=str(path.relative_to(root)), reading=_read(path, root, trust)) for path in paths)


def _files(folder: Path, *, every: bool) -> list[Path]:
    if not every:
        return sorted(folder.glob("*.json"))
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        return [folder]  # no folder of denials, so nobody can tell what it should say
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _read(path: Path, root: Path, trust: TrustStore) -> Reading:
    listed = path.relative_to(root).parts[0] == YANKS.name
    try:
        if path == root / YANKS:
            raise OSError(0, "it is no folder")
        data = _content(path)
    except OSError as error:
        return _unread(f"{error.strerror}", Denial(subjects=None, flaw=f"{error.strerror}") if listed else None)
    if data is None:
        flaw = f"larger than the {_FILE_LIMIT >> 20} MiB of any waiver or denial"
        return _unread(flaw, Denial(subjects=None, flaw=flaw) if listed else None)
    return read_listed(path.name, data, trust) if listed else trust.read(data)


def read_listed(name: str, data: bytes, trust: TrustStore) -> Reading:
    """A file of ``yanks/``: one that has a digest in its name and holds no denial denies that digest all the same."""
    reading = trust.read(data)
    named = _NAMED.search(name.lower())
    digest = Digest(f"sha256:{named[0]}") if named is not None else None
    if digest is None or (reading.denial is not None and reading.denial.forbids(digest)):
        return reading
    flaw = f"the file does not hold a denial by a trusted key ({reading.reason or 'it says something else'})"
    others = reading.denial.subjects if reading.denial is not None else None
    return replace(reading, denial=Denial(subjects=frozenset({digest, *(others or ())}), flaw=flaw))


def _content(path: Path) -> bytes | None:
    """The bytes of a regular file; None for one that is too large, `OSError` for what is none."""
    if path.is_symlink() or not path.is_file():
        raise OSError(0, "it is no regular file")
    with path.open("rb") as stream:
        data = stream.read(_FILE_LIMIT + 1)
    return data if len(data) <= _FILE_LIMIT else None


def _unread(reason: str, denial: Denial | None) -> Reading:
    return Reading(statement=None, problem=Problem.DAMAGED, reason=reason, denial=denial)


def decide(
    client: Registry,
    reference: Reference,
    channel: str,
    policy: Policy,
    trust: TrustStore,
    *,
    suites: Mapping[str, str],
    files: Sequence[Item] = (),
    stays: Callable[[Digest], Stays] = lambda _digest: Stays(),
    scanner: Callable[[View], Scanned] | None = None,
    expiring: Callable[[Digest], Dated] | None = None,
    change: Callable[[Evidence], Changed] = lambda _evidence: Changed(),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Decision:
    """Resolve a reference once and decide about its digest from what the registry holds of it.

    Of an index every image that it serves needs all that the policy asks for. `stays` tells what the ledger knows of a
    digest, `scanner` its known vulnerabilities and `expiring` its certificates, where the policy asks for them,
    `change` what the change system says.

    Raises only for an unknown channel and when the registry cannot be asked.
    """
    policy.of(channel)
    now = clock()
    try:
        image = client.manifest(reference.repository, reference.digest or reference.tag or "latest")
        digests = [image.digest, *(each.digest for each in served(client, reference.repository, image))]
        been = stays(image.digest)
        read = (collect(client, reference.repository, digest, trust, suites=suites, files=files) for digest in digests)
        reported = (
            replace(
                _asked(each, channel, now, been, scanner, expiring),
                change=change(each) if each.digest == image.digest else Changed(part=True),
            )
            for each in read
        )
        judged = [evaluate(policy, channel, each, now, reference=str(reference)) for each in reported]
    except RefusedError as error:
        return Decision(
            reference=str(reference),
            digest=reference.digest,
            channel=channel,
            policy=policy.digest,
            at=now,
            findings=(Finding(requirement=Requirement.EVIDENCE, status=Status.UNSATISFIED, reason=str(error)),),
        )
    return _together(judged)


def _asked(
    evidence: Evidence,
    channel: str,
    now: datetime,
    stays: Stays,
    scanner: Callable[[View], Scanned] | None,
    expiring: Callable[[Digest], Dated] | None,
) -> Evidence:
    """The evidence with what the ledger, advisories and the image itself say, as far as the policy asks."""
    view = View(evidence=evidence, channel=channel, now=now, skew=SKEW)
    scanned = scanner(view) if scanner else None
    return replace(evidence, stays=stays, scanned=scanned, dated=expiring(evidence.digest) if expiring else None)


def _together(judged: Sequence[Decision]) -> Decision:
    """The decision about what was named, with every requirement of each image that it serves."""
    whole, *images = judged
    inner = [
        replace(item, image=image.digest.short)
        for image in images
        for item in image.findings
        if image.digest is not None
    ]
    return replace(whole, findings=(*whole.findings, *inner))
