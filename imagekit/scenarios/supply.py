"""A throw-away registry with variants of an image, signed and not, behind a proxy that can die."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from imagekit.base.log import step
from imagekit.machine.domain import Forward
from imagekit.oci.manifest import Descriptor
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.referrers import attach_bundle
from imagekit.registry.transfer import push_image
from imagekit.scenarios import variants
from imagekit.scenarios.model import Kind, Target
from imagekit.scenarios.proxy import Proxy, proxy
from imagekit.scenarios.variants import File, Variant
from imagekit.services.registry import registry
from imagekit.trust.evidence.statement import SIGNATURE_TYPE, signature_statement
from imagekit.trust.sign.interface import Signer
from imagekit.trust.sign.keys import KeyStore

GUEST_ADDRESS, GUEST_PORT = "10.0.2.100", 5000
REPOSITORY = "lifecycle/node"
_BAD: dict[Kind, Callable[[str], tuple[File, ...]]] = {
    Kind.PANIC: variants.panicking,
    Kind.HANG: variants.hanging,
    Kind.FAIL: variants.failing,
}
_NUMBERS = {kind: number for number, kind in enumerate(Kind, 1)}


class VariantSupply:
    """Makes each variant when it is asked for first, pushes it, and signs it unless it is one that must not be.

    `image` is what variants are made of, an image in `layout` of that `version`. With `itself` the image as it stands
    is the next one, so that the very digest which is to be released is what nodes are upgraded to.
    """

    def __init__(
        self, *, layout: Path, image: Digest, version: str, itself: bool, scratch: Path, client: Registry, way: Proxy
    ) -> None:
        self._layout, self._image, self._version, self._itself = layout, image, version, itself
        self._scratch, self._client, self._way = scratch, client, way
        self._lock = threading.Lock()
        self._made: dict[Kind, Target] = {}
        self._sums: File | None = None
        store = KeyStore(scratch / "keys", environ={})
        self._signer: Signer = store.signer()
        self.public_key = store.public_path.read_text()

    def target(self, kind: Kind) -> Target:
        """The image of a kind, served."""
        with self._lock:
            if kind not in self._made:
                with step(f"Variant {kind} of {self._image.short}"):
                    self._made[kind] = self._make(kind)
            return self._made[kind]

    def die_after(self, count: int) -> None:
        """Let through so many bytes, and nothing more until `revive`."""
        self._way.allow(count)

    def revive(self) -> None:
        """Serve again."""
        self._way.allow(None)

    def _make(self, kind: Kind) -> Target:
        match kind:
            case Kind.NEXT if self._itself:
                variant = Variant(kind, self._version, self._layout, self._image)
                return self._served(kind, variant, signed=self._sign)
            case Kind.UNSIGNED:
                return self._served(kind, self._variant(kind), signed=None)
            case Kind.DAMAGED:
                variant = self._variant(kind)
                made = self._served(kind, variant, signed=self._sign)
                self._damage(variant)
                return made
            case _:
                return self._served(kind, self._variant(kind), signed=self._sign)

    def _variant(self, kind: Kind) -> Variant:
        files = _BAD[kind](kind) if kind in _BAD else (*variants.good(kind), self._content())
        version = f"{self._version}+{kind}.{_NUMBERS[kind]}"
        out = self._scratch / f"variant-{kind}"
        return variants.append_layer(self._layout, self._image, out, files, name=kind, version=version)

    def _content(self) -> File:
        if self._sums is None:
            self._sums = variants.content_sums(self._layout, self._image)
        return self._sums

    def _served(self, kind: Kind, variant: Variant, *, signed: Callable[[Descriptor], None] | None) -> Target:
        reference = Reference(self._client.address, REPOSITORY)
        push_image(variant.layout, variant.digest, reference, self._client)
        manifest = self._client.manifest(REPOSITORY, variant.digest)
        if signed is not None:
            signed(manifest.descriptor)
        return Target(
            kind=kind,
            source=f"oci:{GUEST_ADDRESS}:{GUEST_PORT}/{REPOSITORY}@{variant.digest}",
            version=variant.version,
            size=sum(blob.size for blob in manifest.blobs),
        )

    def _sign(self, image: Descriptor) -> None:
        bundle = self._signer.sign(signature_statement(image.digest))
        attach_bundle(self._client, REPOSITORY, image, bundle, predicate_type=SIGNATURE_TYPE)

    def _damage(self, variant: Variant) -> None:
        """Alter one byte of the variant's own layer where the registry keeps it; registries do not look again."""
        layer = self._client.manifest(REPOSITORY, variant.digest).blobs[-1]
        name = layer.digest.hex
        kept = self._scratch / f"registry/docker/registry/v2/blobs/sha256/{name[:2]}/{name}/data"
        data = bytearray(kept.read_bytes())
        data[len(data) // 2] ^= 0xFF
        kept.write_bytes(data)


@contextmanager
def supply(
    *, layout: Path, image: Digest, version: str, itself: bool, scratch: Path
) -> Iterator[tuple[VariantSupply, Forward]]:
    """A supply of variants, and the forward by which a guest reaches it, for the time of the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    address = f"127.0.0.1:{port}"
    with ExitStack() as stack:
        stack.enter_context(registry(scratch, address))
        client = stack.enter_context(Registry(address))
        way = stack.enter_context(proxy(port))
        made = VariantSupply(
            layout=layout, image=image, version=version, itself=itself, scratch=scratch, client=client, way=way
        )
        yield made, Forward(port=GUEST_PORT, host_port=way.port, address=GUEST_ADDRESS)
