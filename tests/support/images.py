"""Small images, evidence and keys for tests of publishing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from imagekit.artifact.packagelist import packages_of_dpkg
from imagekit.build.result import Build
from imagekit.checks.outcome import CheckResult, Outcome, SuiteResult
from imagekit.machine.interface import Accelerator, BootPath, BootRecord, VmShape
from imagekit.oci.manifest import Descriptor
from imagekit.oci.reference import MEDIA_TYPE_MANIFEST, Digest
from imagekit.trust.evidence.sbom import cyclonedx, sbom_statement
from imagekit.trust.evidence.statement import Statement
from imagekit.trust.evidence.testresult import result_statement
from imagekit.trust.sign.native import NativeSigner, NativeVerifier

DPKG_STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Source: glibc
Version: 2.41-12
Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>
Description: GNU C Library
 Shared libraries.

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0

Package: base-files
Status: install ok installed
Architecture: amd64
Version: 13.8+deb13u1

Package: g++-14
Status: install ok installed
Architecture: amd64
Source: gcc-14 (14.2.0-19)
Version: 14.2.0-19+b1
"""


@dataclass(frozen=True, slots=True)
class LayoutImage:
    """An image in an OCI layout."""

    layout: Path
    digest: Digest
    layers: tuple[Digest, ...]


def write_image(
    layout: Path, layers: tuple[bytes, ...] = (b"base" * 500, b"top" * 500), labels: Mapping[str, str] | None = None
) -> LayoutImage:
    """Write an image with these layers and labels into a layout."""
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)

    def put(data: bytes, media_type: str) -> Descriptor:
        descriptor = Descriptor.of(data, media_type)
        (blobs / descriptor.digest.hex).write_bytes(data)
        return descriptor

    stored = [put(layer, "application/vnd.oci.image.layer.v1.tar+zstd") for layer in layers]
    config = {
        "architecture": "amd64",
        "os": "linux",
        **({"config": {"Labels": dict(labels)}} if labels else {}),
        "rootfs": {"type": "layers", "diff_ids": [str(layer.digest) for layer in stored]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE_MANIFEST,
        "config": put(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json").to_json(),
        "layers": [layer.to_json() for layer in stored],
    }
    digest = put(json.dumps(manifest).encode(), MEDIA_TYPE_MANIFEST).digest
    return LayoutImage(layout, digest, tuple(layer.digest for layer in stored))


def check(name: str, outcome: Outcome = Outcome.PASSED, *, required: bool = True) -> CheckResult:
    """One check of the base layer."""
    return CheckResult(
        id=f"base::{name}", layer="base", title=f"{name} holds", outcome=outcome, seconds=0.25, required=required
    )


def suite(*checks: CheckResult) -> SuiteResult:
    """A suite of these checks, or of one that passed."""
    return SuiteResult(suite_hash="5u17e", checks=checks or (check("root"),), seconds=1.5)


BOOT = BootRecord(
    boot_path=BootPath.DIRECT,
    accelerator=Accelerator.TCG,
    qemu_version="10.0.2",
    machine="q35",
    cpu_model="max",
    shape=VmShape(),
    seconds_to_ssh=20.0,
    cpu_seconds=18.0,
    speed=1.0,
)


def evidence_of(digest: Digest, result: SuiteResult | None = None) -> tuple[Statement, ...]:
    """A test result and an SBOM about a digest."""
    packages = packages_of_dpkg(DPKG_STATUS, distro="debian-13")
    document = cyclonedx(digest, packages, name="debian-node", version="v1.0.0", epoch=1_700_000_000)
    return (
        result_statement(digest, result or suite(), [BOOT], harness_version="0.1.0"),
        sbom_statement(digest, document),
    )


def key(name: str = "ours") -> ec.EllipticCurvePrivateKey:
    """A key for this test run; other names give other keys."""
    return _made(name)


@cache
def _made(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def fixed_key() -> ec.EllipticCurvePrivateKey:
    """A key that is the same in every process; worth nothing outside tests."""
    return ec.derive_private_key(0x1337, ec.SECP256R1())


def signer(name: str = "ours") -> NativeSigner:
    """Signs with the key of that name."""
    return NativeSigner(key(name))


def verifier(name: str = "ours") -> NativeVerifier:
    """Accepts the key of that name."""
    return NativeVerifier(key(name).public_key())


def a_build(layout: Path) -> Build:
    """A built image of nothing, for what asks no more than its name, version and digest."""
    return Build(
        image="small-node",
        plan_id="p",
        version="v1",
        digest=Digest.of(b"image"),
        layout=layout,
        layers=(),
        seconds=1.0,
        reused=False,
    )
