"""The change record that a digest goes out with: asked of the project's provider, kept as signed evidence."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from imagekit.base.errors import ConfigError
from imagekit.config.load import Project
from imagekit.oci.reference import Digest, Reference
from imagekit.trust.change.model import CHANGE_TYPE, Changed, ChangeError, ChangeQuestion, require_id
from imagekit.trust.gate.policy import load_policy, span

if TYPE_CHECKING:
    from imagekit.app.people import Hand
    from imagekit.registry.client import Registry
    from imagekit.trust.gate.model import Decision
    from imagekit.trust.sign.interface import Signer, Verifier


def changed_of(
    project: Project,
    channel: str,
    change: str,
    digest: Digest,
    *,
    image: str,
    version: str = "",
    environ: Mapping[str, str] = os.environ,
) -> Changed:
    """What the change system says of the change of a digest, where the channel's policy asks for one.

    It never raises for the system: what cannot be asked, or answers otherwise than it must, is a problem, and a
    requirement that is not satisfied. `provision roll` asks it for the digest that nodes are about to get.
    """
    from imagekit.trust.change.provider import ask_provider

    wanted = load_policy(project.root).of(channel).change
    if wanted is None:
        return Changed()
    if not change:
        return Changed(problem="no change record was named (--change ID)")
    try:
        question = ChangeQuestion(
            change=require_id(change), digest=digest, image=image, image_version=version, channel=channel
        )
        return Changed(record=ask_provider(wanted.provider, question, project.root, environ), problem="")
    except ChangeError as error:
        return Changed(problem=f"{error}")


def attach_change(client: Registry, target: Reference, decision: Decision, signer: Signer, verifier: Verifier) -> None:
    """Keep the record that a decision went by at the digest, unless this answer is there already."""
    from imagekit.registry.referrers import attach_bundle
    from imagekit.trust.proof import read_proof

    if decision.change is None or decision.digest is None:
        return
    said = decision.change.statement(decision.digest, decision.channel, name=target.name)
    there = read_proof(client, target.repository, decision.digest, verifier).of_type(CHANGE_TYPE)
    if any(each.claim == said.claim for each in there):
        return
    image = client.manifest(target.repository, decision.digest).descriptor
    bundle = signer.sign(said.stamped(decision.at))
    attach_bundle(client, target.repository, image, bundle, predicate_type=CHANGE_TYPE)


def declare_emergency(
    hand: Hand, client: Registry, reference: Reference, *, channel: str, reason: str, hours: int
) -> tuple[Digest, datetime]:
    """Sign, as one person, that a digest may enter a channel without a change record until a moment.

    Raises `ConfigError` where the policy knows no such way, or not for so long.
    """
    from imagekit.app.people import attach, digest_of
    from imagekit.trust.evidence.decisions import emergency_statement
    from imagekit.trust.sign.trustfile import Purpose

    wanted = load_policy(hand.project.root).of(channel).change
    if wanted is None or wanted.emergency is None:
        raise ConfigError(f"the policy has no emergency for {channel}", hint="`change.emergency` of the channel.")
    lasting = timedelta(hours=hours)
    if lasting > span(wanted.emergency.longest):
        raise ConfigError(f"{hours} h is longer than the policy's {wanted.emergency.longest}", hint="--hours.")
    if not reason.strip():
        raise ConfigError("an emergency needs a reason", hint="--reason TEXT; it is kept with the digest.")
    digest = digest_of(client, reference)
    expires = datetime.now(UTC).replace(microsecond=0) + lasting
    said, bundle = hand.sign(
        Purpose.APPROVE,
        lambda person: emergency_statement(digest, channel=channel, person=person, reason=reason, expires=expires),
        [channel],
    )
    attach(hand.project, client, reference.at(digest), bundle, said.predicate_type)
    return digest, expires
