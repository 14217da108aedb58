"""The machines of a fleet: one for each node, and a second one where a roll has not drained the first yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imagekit.base.errors import ConfigError
from imagekit.fleet.fleet import FleetNode
from imagekit.fleet.model import Provider
from imagekit.fleet.read import LONGEST
from imagekit.oci.reference import Digest
from imagekit.provision.inputs import Inputs, Release, Vouched
from imagekit.provision.names import host_name, image_name, instance_name
from imagekit.provision.vouch import release_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A machine. `digest` is what it was made from, and `runs` what its node is meant to run now."""

    node: FleetNode
    provider: Provider
    provider_name: str
    vm_class: str
    cluster: str
    slot: str
    digest: Digest
    runs: Digest
    vouched: Vouched
    release: Release
    addresses: tuple[str, ...]
    retiring: bool = False

    @property
    def name(self) -> str:
        """The name of its VirtualMachine and all that belongs to it alone."""
        return instance_name(self.node.name, self.slot, self.digest)

    @property
    def host(self) -> str:
        """Its host name, which is the name of its Kubernetes node."""
        return host_name(self.node.name, self.slot)

    @property
    def image(self) -> str:
        """The VMImage it is made from."""
        return image_name(self.release.image, self.release.version, self.provider.type.value, self.digest)

    @property
    def reference(self) -> str:
        """The OCI image it is made from, by digest."""
        return str(self.vouched.reference)


def instances(inputs: Inputs) -> list[Instance]:
    """Every machine that there is to be, by node and slot. Raises `ProvisionError` and `ConfigError`."""
    found = [each for _, node in sorted(inputs.fleet.nodes.items()) for each in _of(inputs, node)]
    for each in found:
        if len(each.name) > LONGEST:
            raise ConfigError(
                f"{each.node.where}: the machine of {each.node.name!r} would be named {each.name!r}, {len(each.name)} "
                f"characters of {LONGEST}",
                hint=f"A node that imagekit makes has a name of at most {LONGEST - 15} characters.",
            )
    return found


def _of(inputs: Inputs, node: FleetNode) -> Iterator[Instance]:
    runs = inputs.digests.get(node.name)
    if runs is None or not node.managed:
        return
    made_from = Digest(node.installed) if node.installed is not None else runs
    if node.absent:
        return
    yield _instance(inputs, node, node.slot, made_from, runs)
    if node.retiring is not None:
        old = Digest(node.retiring.digest)
        yield _instance(inputs, node, node.retiring.slot, old, old, retiring=True)


def _instance(
    inputs: Inputs, node: FleetNode, slot: str, digest: Digest, runs: Digest, *, retiring: bool = False
) -> Instance:
    assert node.provider is not None
    assert node.vm_class is not None
    assert node.cluster is not None
    # Such a machine is there already, whatever became of what it was made from.
    old = retiring or node.leaving or digest != runs
    vouched, release = release_for(inputs, node, digest, withdrawn=old)
    return Instance(
        node=node,
        provider=inputs.fleet.providers[node.provider],
        provider_name=node.provider,
        vm_class=node.vm_class,
        cluster=node.cluster,
        slot=slot,
        digest=digest,
        runs=runs,
        vouched=vouched,
        release=release,
        addresses=node.standby if slot == "b" and node.standby else node.addresses,
        retiring=retiring,
    )
