"""Versions of a fleet's project that are published with all that is asked of them, and disks beside them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import zstandard

from imagekit.oci.reference import Digest
from imagekit.release.channel.promote import promote
from imagekit.release.diskartifact import DiskFile, push_disk_file
from imagekit.trust.sign.native import NativeSigner, NativeVerifier
from tests.support.fleetsite import FleetSite
from tests.support.images import fixed_key, key, write_image
from tests.support.released import release
from tests.support.releasefixture import IMAGE


def layer(files: dict[str, str]) -> bytes:
    """A layer with some text files."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return zstandard.compress(raw.getvalue())


def published(fleet: FleetSite, said: dict[str, str], *, signer: str = "fixed", version: str = "v1") -> Digest:
    """An image that says this in its release file, signed and let into prod."""
    text = "".join(f'{name}="{value}"\n' for name, value in said.items())
    labels = {
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.created": "2026-11-20T00:00:00+00:00",
    }
    layers = (layer({"etc/motd": "x"}), layer({"etc/kairos-release": text}))
    image = write_image(fleet.release.root / f"image-{version}", layers, labels)
    own = NativeSigner(fixed_key() if signer == "fixed" else key(signer))
    with fleet.release.registry(fleet.release.simulator.address) as client:
        release(fleet.project, image, client, version=version, name=IMAGE, signer=own)
        client.put_manifest(f"imagekit/{IMAGE}", client.manifest(f"imagekit/{IMAGE}", image.digest), version)
    promote(fleet.release.context(), fleet.release.source(image.digest), "prod", image=IMAGE)
    return image.digest


def push_disk_of(fleet: FleetSite, digest: Digest, path: Path, *, signer: str = "fixed") -> str:
    """Push a qcow2 disk beside an image, signed; returns its checksum."""
    made = DiskFile(path=path, title="node.qcow2", form="qcow2", sha256=Digest.of_file(path).hex)
    private = fixed_key() if signer == "fixed" else key(signer)
    image = fleet.release.context().home("prod", IMAGE).at(digest)
    with fleet.release.registry(image.registry) as client:
        push_disk_file(client, image, made, NativeSigner(private), NativeVerifier(private.public_key()))
    return made.sha256
