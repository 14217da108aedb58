"""Which digest may reach a node: one that the ledger let into its channel, that nobody withdrew, and that is known."""

from __future__ import annotations

from imagekit.base.errors import ConfigError
from imagekit.fleet.fleet import FleetNode
from imagekit.oci.reference import Digest
from imagekit.provision.inputs import Inputs, ProvisionError, Release, Vouched


def require_vouched(inputs: Inputs) -> None:
    """Raise `ProvisionError` for the first node whose digest may not reach it, and `ConfigError` for mistakes."""
    _require_one_digest_a_version(inputs)
    for name, node in sorted(inputs.fleet.nodes.items()):
        if not node.managed:
            continue  # nothing is rendered for it
        digest = inputs.digests.get(name)
        if digest is None:
            raise ProvisionError(
                f"{node.where}: node {name!r} follows {node.channel}, which points at nothing for {node.image}",
                hint=f"`imagekit promote {node.image} --to {node.channel}`, or pin the node to a digest.",
            )
        release_for(inputs, node, digest, withdrawn=node.leaving)
        if node.retiring is not None:
            release_for(inputs, node, Digest(node.retiring.digest), withdrawn=True)


def release_for(inputs: Inputs, node: FleetNode, digest: Digest, *, withdrawn: bool = False) -> tuple[Vouched, Release]:
    """What is known of the digest of a node; raises `ProvisionError`.

    `withdrawn` lets a yanked digest pass: an instance that is still to be drained has to be described until it is.
    """
    where = f"{node.where}: node {node.name!r}"
    if digest in inputs.yanked and not withdrawn:
        raise ProvisionError(
            f"{where} would run {digest.short}, which was withdrawn: {inputs.yanked[digest]}",
            hint="Pin the node to another digest, or roll its channel back; `imagekit provision roll --from` it moves "
            "those that run it already.",
        )
    blocked = inputs.blocked.get((node.channel or "", digest))
    if blocked is not None and not withdrawn:
        raise ProvisionError(
            f"{where} would run {digest.short}, which {node.channel} was rolled back from: {blocked}",
            hint="Pin the node to another digest, or release this one: `imagekit promote --release`.",
        )
    vouched = inputs.vouched.get(digest)
    if vouched is None:
        raise ProvisionError(
            f"{where} would run {digest}, and no record of the ledger let it into a channel",
            hint="`imagekit promote` asks the gate and records the answer.",
        )
    if vouched.image != node.image:
        raise ProvisionError(
            f"{where} runs {node.image}, and {digest.short} is {vouched.image} {vouched.version}",
            hint="The digest is of another image's repository.",
        )
    if node.channel is not None and node.channel not in vouched.channels:
        raise ProvisionError(
            f"{where} belongs to channel {node.channel}, and {digest.short} was never let into it",
            hint=f"It was in: {', '.join(sorted(vouched.channels))}.",
        )
    _require_allowed(inputs, where, vouched)
    return vouched, _known(inputs, where, digest, vouched)


def _require_allowed(inputs: Inputs, where: str, vouched: Vouched) -> None:
    if vouched.reference.digest is None:
        raise ProvisionError(
            f"{where}: {vouched.reference} names no digest", hint="A tag may move; nodes take digests."
        )
    if not any(str(vouched.reference).startswith(prefix) for prefix in inputs.platform.registries):
        raise ProvisionError(
            f"{where}: {vouched.reference.name} is in none of the allowed registries",
            hint=f"platform.registries has: {', '.join(inputs.platform.registries)}",
        )


def _known(inputs: Inputs, where: str, digest: Digest, vouched: Vouched) -> Release:
    release = inputs.releases.get(digest)
    if release is None:
        raise ProvisionError(
            f"{where}: fleet/fleet.lock does not say what is inside {digest}", hint="`imagekit provision lock` adds it."
        )
    if (release.image, release.version) != (vouched.image, vouched.version):
        raise ConfigError(
            f"fleet/fleet.lock says that {digest.short} is {release.image} {release.version}, and the ledger that it "
            f"is {vouched.image} {vouched.version}",
            hint="`imagekit provision lock --refresh` writes it anew.",
        )
    return release


def _require_one_digest_a_version(inputs: Inputs) -> None:
    """The Kairos operator compares versions: a second digest under one version is never installed, and says it is."""
    seen: dict[tuple[str, str], Digest] = {}
    for digest, vouched in sorted(inputs.vouched.items()):
        other = seen.setdefault((vouched.image, vouched.version), digest)
        if other != digest:
            raise ProvisionError(
                f"{vouched.image} {vouched.version} names two digests, {other.short} and {digest.short}",
                hint="Nodes compare versions and would skip the second. Build it again under a version of its own.",
            )
