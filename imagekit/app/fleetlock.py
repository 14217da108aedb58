"""fleet/fleet.lock filled from the registry: what is inside each digest that nodes run, proven before it is written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from imagekit.app.disks import require_verified
from imagekit.app.provisioning import decided_of, fleet_root
from imagekit.app.release import registry_client
from imagekit.base.log import step
from imagekit.config.load import Project
from imagekit.config.model import Arch
from imagekit.fleet.read import read_fleet_files
from imagekit.fleet.resolve import digests_of
from imagekit.oci.layout import blob_path, layers, unpacked
from imagekit.oci.manifest import Manifest
from imagekit.oci.reference import Digest
from imagekit.oci.tarstream import Source, entries
from imagekit.provision.inputs import ProvisionError, Vouched
from imagekit.provision.lockfile import FleetLock, LockedDisk, LockedRelease, read_lock
from imagekit.registry.client import Registry
from imagekit.registry.errors import MissingObjectError
from imagekit.release.diskartifact import SHA256, find_disk

if TYPE_CHECKING:
    from imagekit.release.channel.model import ChannelFile
    from imagekit.trust.sign.interface import Verifier

Form = Literal["qcow2", "ova", "raw"]
_FORMS: tuple[Form, ...] = ("qcow2", "ova", "raw")
_RELEASE_FILE = "etc/kairos-release"
_LARGEST_LAYER = 64 << 20  # bytes; the stamp, which writes the release file, is the last layer and has a few
_LARGEST_FILE = 64 << 10


def locked(project: Project, more: Iterable[Digest] = (), *, refresh: bool = False) -> FleetLock:
    """The lock with every digest that nodes run, and `more`; nothing is written.

    What is locked stays as it is, unless `refresh`; digests that no fleet file and no channel names are kept, for a
    roll may go back to them. Raises `ProvisionError` where the ledger does not know a digest or it says that it is
    something else, `VerificationError` where it does not verify.
    """
    from imagekit.app.trusted import publish_verifier

    root = fleet_root(project)
    decided = decided_of(project)
    wanted = {digest for digest in digests_of(read_fleet_files(root), decided.channels).values() if digest is not None}
    wanted |= {Digest(pointer.digest) for file in decided.channels for pointer in file.images.values()} | set(more)
    known = dict(read_lock(root).releases)
    for digest in sorted(wanted - set(decided.yanked)):
        if str(digest) in known and not refresh:
            continue
        vouched = decided.vouched.get(digest)
        if vouched is None:
            raise ProvisionError(
                f"no record of the ledger let {digest} into a channel", hint="`imagekit promote` does."
            )
        channels = [file.channel for file in decided.channels if _names(file, digest)]
        known[str(digest)] = _looked_up(project, digest, vouched, publish_verifier(project, channels))
    return FleetLock(releases=dict(sorted(known.items())))


def _names(file: ChannelFile, digest: Digest) -> bool:
    return any(pointer.digest == str(digest) for pointer in file.images.values())


def _looked_up(project: Project, digest: Digest, vouched: Vouched, verifier: Verifier) -> LockedRelease:
    with (
        step(f"Looking into {vouched.image} {vouched.version}"),
        registry_client(project, vouched.reference.registry) as client,
    ):
        require_verified(project, client, vouched.reference, verifier)
        manifest = client.manifest(vouched.reference.repository, digest)
        said = _release_file(client, vouched.reference.repository, manifest)
        if said.get("KAIROS_VERSION") != vouched.version:
            own = said.get("KAIROS_VERSION") or "nothing"
            raise ProvisionError(
                f"{vouched.reference} is {vouched.version} for the ledger, and {own} by its own {_RELEASE_FILE}",
                hint="The Kairos operator goes by what is inside. Build it again, so that both say the same.",
            )
        disks = {form: disk for form in _FORMS if (disk := _disk(client, vouched, form, verifier)) is not None}
    return LockedRelease(
        image=vouched.image,
        version=vouched.version,
        arch=Arch(said.get("KAIROS_ARCH", Arch.AMD64.value)),
        distribution=said.get("KAIROS_FLAVOR", "other"),
        distribution_version=said.get("KAIROS_FLAVOR_RELEASE", ""),
        k0s=_k0s(said),
        disks=disks,
    )


def _k0s(said: dict[str, str]) -> str | None:
    if said.get("KAIROS_SOFTWARE_VERSION_PREFIX") != "k0s":
        return None
    version = said.get("KAIROS_SOFTWARE_VERSION", "")
    return version if version.startswith("v") else f"v{version}"


def _disk(client: Registry, vouched: Vouched, form: Form, verifier: Verifier) -> LockedDisk | None:
    """The signed disk of a form; None where none was pushed. One that a stranger put there is an error, not a lack."""
    try:
        manifest = find_disk(client, vouched.reference, form, verifier)
    except MissingObjectError:
        return None
    return LockedDisk(sha256=manifest.annotations.get(SHA256, ""))


def _release_file(client: Registry, repository: str, manifest: Manifest) -> dict[str, str]:
    """The release file of an image, out of the topmost layer that has it; empty where none of the small ones does."""
    with tempfile.TemporaryDirectory(prefix="imagekit-lock-") as scratch:
        layout = Path(scratch)
        blob_path(layout, manifest.digest).parent.mkdir(parents=True)
        blob_path(layout, manifest.digest).write_bytes(manifest.raw)
        found = layers(layout, manifest.digest)
        for layer, blob in zip(reversed(found), reversed(manifest.blobs), strict=False):
            if layer.size > _LARGEST_LAYER:
                continue
            blob_path(layout, layer.digest).write_bytes(client.read_blob(repository, blob, limit=_LARGEST_LAYER))
            text = _member(Source(unpacked(layout, layer)))
            if text is not None:
                return dict(_pairs(text))
    return {}


def _member(source: Source) -> str | None:
    """The release file in a layer; the layer is read to its end, where its digest is proven."""
    text = None
    for member in entries(source):
        data = source.read(member.padded) if member.path == _RELEASE_FILE and member.size <= _LARGEST_FILE else None
        if data is None:
            source.copy(member.padded, lambda _: None)
        else:
            text = data[: member.size].decode(errors="replace")
    return text


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Names and values of an os-release file (os-release(5)), its quotes taken off."""
    for line in text.splitlines():
        name, sign, value = line.strip().partition("=")
        if sign and not name.startswith("#"):
            yield name, value.strip("\"'")
