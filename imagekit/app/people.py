"""What people decide, written down and signed: approvals at the digest, waivers as files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from imagekit.app.trusted import signer_of, trust_of
from imagekit.base.earlier import check_id_today
from imagekit.base.errors import ConfigError
from imagekit.base.files import write_whole
from imagekit.checks.known import unknown
from imagekit.config.load import Project
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.lock import locked
from imagekit.registry.referrers import attach_bundle
from imagekit.trust.evidence.decisions import Waiver, approval_statement, waiver_statement
from imagekit.trust.evidence.statement import TEST_RESULT_TYPE, Statement
from imagekit.trust.evidence.testrun import SCENARIO_PREFIX, read_run
from imagekit.trust.finding import Requirement
from imagekit.trust.gate.collect import WAIVERS
from imagekit.trust.proof import read_proof
from imagekit.trust.sign.checked import CheckedSigner
from imagekit.trust.sign.interface import SignatureError, Signer
from imagekit.trust.sign.person import same_person
from imagekit.trust.sign.trust import TrustStore
from imagekit.trust.sign.trustfile import Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """Who signs: the project, the person (default: as trust.yaml names the key's holder), and the key."""

    project: Project
    person: str | None = None
    key: str | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def sign(
        self, purpose: Purpose, say: Callable[[str], Statement], channels: Sequence[str]
    ) -> tuple[Statement, bytes]:
        """Let `say` speak for the person and sign it; raises `SignatureError` when it would not count."""
        signer = signer_of(self.project, purpose, key=self.key, channels=channels, environ=self.environ)
        trust = trust_of(self.project)
        said = say(self.person or _holder(trust, signer))
        bundle = CheckedSigner(signer, trust.verifier(purpose)).sign(said.stamped(datetime.now(UTC)))
        holder = trust.read(bundle).key
        if holder is not None and self.person and holder.person and not same_person(holder.person, self.person):
            raise SignatureError(
                f"trust.yaml says that {holder.person} holds key {holder.id}, not {self.person}",
                hint="`imagekit keys list` shows who may what.",
            )
        return said, bundle


def waive(
    hand: Hand,
    client: Registry,
    reference: Reference,
    *,
    check: str,
    channels: Sequence[str],
    reason: str,
    days: int,
) -> Path:
    """Write a signed waiver under ``waivers/``.

    Raises `SignatureError` when it would not count, and `UnknownCheckError` for what neither a test result of the
    digest nor the policy names.
    """
    digest = digest_of(client, reference)
    check = waivable(hand.project, client, reference.at(digest), check)
    expires = datetime.now(UTC) + timedelta(days=days)

    def say(person: str) -> Statement:
        return waiver_statement(
            Waiver(digest=digest, check=check, person=person, reason=reason, expires=expires, channels=tuple(channels))
        )

    _, bundle = hand.sign(Purpose.WAIVE, say, channels)
    folder = hand.project.root / WAIVERS
    folder.mkdir(exist_ok=True)
    mark = sha256(bundle).hexdigest()[:8]
    return write_whole(folder / f"{digest.short}-{mark}.json", bundle.decode() + "\n")


def waivable(project: Project, client: Registry, reference: Reference, check: str) -> str:
    """The name of a check as the gate has it; raises `UnknownCheckError`."""
    from imagekit.trust.gate.policy import load_policy

    name = check_id_today(check.removeprefix(f"{Requirement.CHECK}/"))
    digest = reference.digest or digest_of(client, reference)
    proof = read_proof(client, reference.repository, digest, trust_of(project).verifier(Purpose.BUILD))
    runs = [read_run(each) for each in proof.of_type(TEST_RESULT_TYPE)]
    policy = load_policy(project.root)
    wanted = [each.tests for each in (policy.publish, *policy.channels.values()) if each.tests is not None]
    names = [row.id for run in runs for row in run.checks]
    names += [SCENARIO_PREFIX + each for run in runs for each in run.scenarios]
    names += [SCENARIO_PREFIX + each for tests in wanted for each in tests.scenarios]
    names += [each for tests in wanted for each in tests.checks]
    if name not in names:
        raise unknown(name, tuple(dict.fromkeys(names)))
    return name


def approve(hand: Hand, client: Registry, reference: Reference, *, channel: str, reason: str) -> Digest:
    """Attach a signed approval to what the reference names now; returns its digest."""
    digest = digest_of(client, reference)
    said, bundle = hand.sign(
        Purpose.APPROVE,
        lambda person: approval_statement(digest, channel=channel, person=person, reason=reason),
        [channel],
    )
    attach(hand.project, client, reference.at(digest), bundle, said.predicate_type)
    return digest


def attach(project: Project, client: Registry, reference: Reference, bundle: bytes, kind: str) -> Digest:
    """Attach a signed bundle to a digest under the repository's lock; returns the digest of its manifest."""
    assert reference.digest is not None
    with locked(client, reference.repository, project.work / "locks"):
        subject = client.manifest(reference.repository, reference.digest).descriptor
        manifest, _ = attach_bundle(client, reference.repository, subject, bundle, predicate_type=kind)
    return manifest.digest


def digest_of(client: Registry, reference: Reference) -> Digest:
    """What a reference names now; raises `MissingObjectError`."""
    return client.manifest(reference.repository, reference.digest or reference.tag or "latest").digest


def _holder(trust: TrustStore, signer: Signer) -> str:
    """The person of the key that signs, as trust.yaml names the person."""
    for holder in trust.holders:
        if holder.material == signer.label and holder.key.person is not None:
            return holder.key.person
    raise ConfigError(
        "trust.yaml does not say who holds this key", hint="Give --person, as the key's entry names the person."
    )
