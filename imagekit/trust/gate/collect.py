"""Fetching what the gate decides from: bundles of the registry, and the project's files of waivers and denials."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from imagekit.base.errors import RefusedError
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.trust.gate.evaluate import evaluate
from imagekit.trust.gate.model import Decision, Evidence, Finding, Item, Status
from imagekit.trust.gate.policy import Policy
from imagekit.trust.proof import read_bundles
from imagekit.trust.sign.interface import BUNDLE_LIMIT
from imagekit.trust.sign.trust import Problem, Reading, TrustStore

WAIVERS, YANKS = Path("waivers"), Path("yanks")
_FILE_LIMIT = 1 << 20
_MOST_FILES = 2000


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
    items = [
        Item(
            source=str(found.referrer),
            reading=Reading(statement=None, problem=Problem.DAMAGED, reason=found.problem)
            if found.problem
            else trust.read(found.bundle),
        )
        for found in read_bundles(client, repository, digest)
    ]
    return Evidence(digest=digest, image=repository.rpartition("/")[2], items=(*items, *files), suites=dict(suites))


def read_files(root: Path, trust: TrustStore, folders: Sequence[Path] = (WAIVERS, YANKS)) -> tuple[Item, ...]:
    """The bundles under ``waivers/`` and ``yanks/`` of a project, read against its trust file."""
    paths = [path for folder in folders for path in sorted((root / folder).glob("*.json"))]
    if len(paths) > _MOST_FILES:
        raise RefusedError(f"{root}: {len(paths)} files of waivers and denials, {_MOST_FILES} are read at most")
    return tuple(Item(source=str(path.relative_to(root)), reading=_read(path, trust)) for path in paths)


def _read(path: Path, trust: TrustStore) -> Reading:
    if path.stat().st_size > min(_FILE_LIMIT, BUNDLE_LIMIT):
        return Reading(statement=None, problem=Problem.DAMAGED, reason="larger than any waiver")
    return trust.read(path.read_bytes())


def decide(
    client: Registry,
    reference: Reference,
    channel: str,
    policy: Policy,
    trust: TrustStore,
    *,
    suites: Mapping[str, str],
    files: Sequence[Item] = (),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Decision:
    """Resolve a reference once and decide about its digest from what the registry holds of it.

    Raises only for an unknown channel and when the registry cannot be asked.
    """
    policy.of(channel)
    now = clock()
    try:
        digest = client.manifest(reference.repository, reference.digest or reference.tag or "latest").digest
        evidence = collect(client, reference.repository, digest, trust, suites=suites, files=files)
    except RefusedError as error:
        return Decision(
            reference=str(reference),
            digest=reference.digest,
            channel=channel,
            policy=policy.digest,
            at=now,
            findings=(Finding(name="evidence", status=Status.UNSATISFIED, reason=str(error)),),
        )
    return evaluate(policy, channel, evidence, now, reference=str(reference))
