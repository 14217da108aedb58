"""What a channel's users get with a promotion: the signed inventories of two digests, compared.

Nothing is pulled or booted: what counts is what trusted keys said of both digests when they were published. The outcome
is shown before anything is decided, stands in the pull request, and is attached to the digest, signed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from imagekit.base.errors import ImagekitError, RefusedError
from imagekit.config.load import Project
from imagekit.inventory.compare import Change, ChangeKind, compare
from imagekit.inventory.live import LiveInventory, compare_live
from imagekit.inventory.model import ImageInventory
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.referrers import attach_bundle
from imagekit.release.channel.context import ReleaseContext
from imagekit.release.channel.errors import digest_of
from imagekit.trust.evidence.inventory import CHANGES_TYPE, INVENTORY_TYPE, changes_statement, read_inventory
from imagekit.trust.gate.model import Decision
from imagekit.trust.proof import read_proof
from imagekit.trust.sign.interface import Verifier

Both = tuple[ImageInventory, tuple[LiveInventory, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseChanges:
    """What changes in a channel from one digest to another; without `before` the channel had nothing of the image.

    `unknown` says why it could not be told; then `lines` are empty and mean nothing.
    """

    channel: str
    image: str
    after: Digest
    before: Digest | None = None
    lines: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def text(self) -> str:
        """For whoever decides."""
        if self.before is None:
            return f"{self.channel} has no {self.image} yet: all of {self.after.short} is new"
        head = f"changes in {self.channel} from {self.before.short} to {self.after.short}:"
        if self.unknown:
            return f"{head} not known: {self.unknown}"
        return "\n".join((head, *(f"  {line}" for line in self.lines or ("nothing that an inventory tells",))))

    @property
    def markdown(self) -> str:
        """For a pull request: as `text`, as a list."""
        from imagekit.report.markdown import escaped

        if self.before is None or self.unknown:
            return f"{self.text}\n"
        listed = [f"- {escaped(line)}" for line in self.lines] or ["- nothing that an inventory tells"]
        return "\n".join(("Changes:", "", *listed)) + "\n"


def changes_of(
    project: Project, context: ReleaseContext, source: Reference, channel: str, image: str
) -> ReleaseChanges | None:
    """What a promotion would change; None when the channel points at the digest already.

    `source` must name a digest or a tag that is there. A digest without a signed inventory is said, never guessed.
    """
    from imagekit.app.trusted import trust_of
    from imagekit.trust.sign.trustfile import Purpose

    pointer = context.channel(channel).images.get(image)
    verifier = trust_of(project).verifier(Purpose.BUILD)
    with context.registry(source.registry) as client:
        after = client.resolve(source)
        if after is None:
            return None  # promote says so
        if pointer is None:
            return ReleaseChanges(channel=channel, image=image, after=after)
        before = Digest(pointer.digest)
        if before == after:
            return None
        try:
            new = _inventory(client, source.repository, after, verifier)
            home = context.home(channel, image)
            with context.registry(home.registry) as there:
                old = _inventory(there, home.repository, before, verifier)
        except ImagekitError as error:
            return ReleaseChanges(channel=channel, image=image, after=after, before=before, unknown=str(error))
    lines = tuple(change.text for change in compared(old, new))
    return ReleaseChanges(channel=channel, image=image, after=after, before=before, lines=lines)


def compared(old: Both, new: Both) -> tuple[Change, ...]:
    """The static and the live part, what matters most first."""
    order = list(ChangeKind)
    found = (*compare(old[0], new[0]).changes, *compare_live(old[1], new[1]))
    return tuple(sorted(found, key=lambda change: order.index(change.kind)))


def attaching(context: ReleaseContext, changes: ReleaseChanges | None) -> ReleaseContext:
    """The same context, in which the changes are attached, signed, beside the summary of the decision."""
    if changes is None or changes.before is None or changes.unknown:
        return context
    statement = changes_statement(
        changes.before, changes.after, changes.lines, channel=changes.channel, name=changes.image
    )

    def summarize(client: Registry, target: Reference, decision: Decision) -> None:
        context.summarize(client, target, decision)
        digest = digest_of(target)
        there = read_proof(client, target.repository, digest, context.verifier).of_type(CHANGES_TYPE)
        if not any(each.predicate == statement.predicate for each in there):
            image = client.manifest(target.repository, digest).descriptor
            bundle = context.signer.sign(statement.stamped(decision.at))
            attach_bundle(client, target.repository, image, bundle, predicate_type=CHANGES_TYPE)

    return replace(context, summarize=summarize)


class NoInventoryError(RefusedError):
    """Nothing that a trusted key signed says what a digest is."""


def _inventory(client: Registry, repository: str, digest: Digest, verifier: Verifier) -> Both:
    found = read_proof(client, repository, digest, verifier).of_type(INVENTORY_TYPE)
    if not found:
        raise NoInventoryError(f"{digest.short} has no signed inventory (it was published before there were any)")
    return read_inventory(found[-1])
