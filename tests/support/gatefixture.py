"""A registry that holds a good release, and an attacker's hand on any part of it before the gate looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from imagekit.oci.manifest import EMPTY, MEDIA_TYPE_EMPTY, Descriptor, Manifest, image_manifest
from imagekit.oci.reference import BUNDLE_TYPE, Digest, Reference
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.referrers import attach
from imagekit.registry.transfer import push_image
from imagekit.trust.evidence.statement import Statement
from imagekit.trust.gate.collect import decide, read_files
from imagekit.trust.gate.model import Decision
from imagekit.trust.gate.policy import Policy
from imagekit.trust.sign.trustfile import TrustedKey
from tests.support.images import LayoutImage
from tests.support.registry import RegistrySimulator
from tests.support.release import (
    DAY,
    IMAGE,
    NOW,
    SUITE,
    bundle,
    dated,
    policy,
    sealed,
    standard_keys,
    statements,
    trust,
)

REPOSITORY = f"imagekit/{IMAGE}"
YESTERDAY = NOW - DAY


@dataclass(frozen=True, slots=True)
class Signed:
    """Who signs what, and when."""

    by: str
    says: Statement
    at: datetime | None


@dataclass(slots=True)
class GateFixture:
    """What will be in the registry and in the project; an attack changes it, then `gate` is asked.

    `spoil` changes a bundle after signing, `resign` what is signed; `layer_type` and `hung_at` change the media type of
    the bundle and the subject of the manifest that holds it.
    """

    image: LayoutImage
    world: RegistrySimulator
    client: Registry
    project: Path
    signed: dict[str, Signed] = field(default_factory=dict)
    keys: dict[str, TrustedKey] = field(default_factory=dict)
    policy: Policy = field(default_factory=policy)
    suites: dict[str, str] = field(default_factory=lambda: {IMAGE: SUITE})
    spoil: dict[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    resign: dict[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    layer_type: dict[str, str] = field(default_factory=dict)
    hung_at: dict[str, Digest] = field(default_factory=dict)
    afterwards: Callable[[GateFixture], None] | None = None
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.keys = {key.id: key for key in standard_keys(now=self.now)}
        for name, (by, says) in statements(self.digest, now=self.now).items():
            self.signed[name] = Signed(by, says, dated(name, now=self.now))

    @property
    def digest(self) -> Digest:
        """The image that is to enter prod."""
        return self.image.digest

    def add(self, name: str, by: str, says: Statement, at: datetime | None = YESTERDAY) -> None:
        """One more statement at the digest, or another in the place of one."""
        self.signed[name] = Signed(by, says, at)

    def file(self, folder: str, by: str, says: Statement, at: datetime | None = YESTERDAY) -> None:
        """A signed file in the project."""
        path = self.project / folder
        path.mkdir(exist_ok=True, parents=True)
        data = bundle(by, says, at=at)
        (path / f"{Digest.of(data).short}.json").write_bytes(data)

    def settle(self) -> None:
        """Write everything into the registry."""
        reference = Reference(self.client.address, REPOSITORY, None, self.digest)
        push_image(self.image.layout, self.digest, reference, self.client)
        subject = self.client.manifest(REPOSITORY, self.digest).descriptor
        for name, each in self.signed.items():
            data = self.spoil.get(name, bytes)(self._bundle(name, each))
            self._attach(subject, self._manifest(name, subject, data), data)
        if self.afterwards is not None:
            self.afterwards(self)

    def _attach(self, subject: Descriptor, manifest: Manifest, data: bytes) -> None:
        """Into a simulator at once: there are a dozen statements, and each takes a registry ten requests."""
        if self.client.address == self.world.address:
            self.world.attach(REPOSITORY, subject.digest, manifest, EMPTY, data)
            return
        for blob in (EMPTY, data):
            self.client.put_blob(REPOSITORY, BlobSource.of_bytes(blob))
        attach(self.client, REPOSITORY, subject, manifest)

    def _bundle(self, name: str, each: Signed) -> bytes:
        if name not in self.resign:
            return bundle(each.by, each.says, at=each.at)
        said = each.says if each.at is None else each.says.stamped(each.at)
        return sealed(each.by, self.resign[name](said.to_bytes()))

    def _manifest(self, name: str, subject: Descriptor, data: bytes) -> Manifest:
        """As `bundle_manifest` makes it, unless an attack wants another."""
        kind = self.layer_type.get(name, BUNDLE_TYPE)
        about = replace(subject, digest=self.hung_at.get(name, subject.digest))
        return image_manifest(
            config=Descriptor.of(EMPTY, MEDIA_TYPE_EMPTY),
            layers=(Descriptor.of(data, kind),),
            artifact_type=kind,
            subject=about,
        )

    def gate(self, channel: str = "prod") -> Decision:
        """What the gate says, and proof that asking changed nothing."""
        store = trust(list(self.keys.values()))
        before = self.world.snapshot()
        decision = decide(
            self.client,
            Reference(self.client.address, REPOSITORY, None, self.digest),
            channel,
            self.policy,
            store,
            suites=self.suites,
            files=read_files(self.project, store),
            clock=lambda: self.now,
        )
        assert self.world.snapshot() == before
        return decision
