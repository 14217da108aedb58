"""The change record that a roll goes by: asked when it begins and again before each wave, kept as signed evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagekit.app.changerecord import attach_change
from imagekit.app.context import open_release_context
from imagekit.app.decided import basis_of
from imagekit.app.provisioning import decided_of
from imagekit.app.trusted import gate_of
from imagekit.config.load import Project
from imagekit.fleet.fleet import Fleet
from imagekit.oci.reference import Digest
from imagekit.provision.roll.model import RollError, RollRecord
from imagekit.trust.finding import Requirement, Status
from imagekit.trust.gate.policy import load_policy

if TYPE_CHECKING:
    from imagekit.trust.gate.model import Decision


def channels_asking(project: Project, record: RollRecord, fleet: Fleet) -> list[str]:
    """The channels of a roll's nodes whose policy demands a change record.

    A node that no channel names is pinned in the fleet file, which is reviewed; no policy is about it.
    """
    names = {name for wave in record.waves for step in wave.steps for name in step.nodes}
    policy = load_policy(project.root)
    channels = {fleet.nodes[name].channel for name in names}
    return sorted(each for each in channels if each in policy.channels and policy.of(each).change is not None)


def require_change(project: Project, record: RollRecord, fleet: Fleet) -> None:
    """Hold a roll to its change record; what was answered is kept at the digest, signed. Going back needs none.

    Raises `RollError` where the record is not there, is not open, is about another digest, or cannot be asked for, and
    no emergency stands; `ConfigError` where the program that asks is not committed.
    """
    asking = channels_asking(project, record, fleet)
    if not asking or record.back:
        return
    basis_of(project, Digest(record.new)).require_committed()  # a provider that nobody reviewed decides nothing
    for channel in asking:
        _ask(project, record, channel)


def _ask(project: Project, record: RollRecord, channel: str) -> None:
    new = Digest(record.new)
    target = decided_of(project).vouched[new].reference
    with (
        open_release_context(project, channel=channel, change=record.change) as context,
        context.registry(target.registry) as client,
    ):
        decision = gate_of(project, client, target, channel, change=record.change)
        _require_satisfied(decision, record, channel)
        attach_change(client, target, decision, context.signer, context.verifier)


def _require_satisfied(decision: Decision, record: RollRecord, channel: str) -> None:
    asked = [each for each in decision.findings if each.requirement is Requirement.CHANGE and not each.image]
    found = asked[0] if asked else None
    reason = found.reason if found is not None else "the gate did not ask for it"
    if found is None or found.status is Status.UNSATISFIED:
        raise RollError(
            f"channel {channel} moves nodes to {Digest(record.new).short} under a change record alone: {reason}",
            hint="--change ID of a change that is open and names this digest; docs/change-records.md has the "
            "emergency, too.",
        )
