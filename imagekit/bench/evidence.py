"""How much processor time it takes to verify the evidence of a published image, without its content."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from imagekit.artifact.packagelist import Package
from imagekit.base.log import step
from imagekit.bench.cost import cost_of
from imagekit.bench.madelayout import large_blob, made_image
from imagekit.bench.model import Bound, Goal, Row, median
from imagekit.bench.subject import BenchSubject, program
from imagekit.checks.outcome import CheckResult, Outcome, SuiteResult
from imagekit.machine.ports import reserved_port
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.referrers import attach_bundle
from imagekit.registry.transfer import push_image
from imagekit.services.registry import registry
from imagekit.trust.evidence.sbom import cyclonedx, sbom_statement
from imagekit.trust.evidence.spdx import spdx, spdx_statement
from imagekit.trust.evidence.statement import Statement, signature_statement
from imagekit.trust.evidence.testresult import result_statement
from imagekit.trust.sign.keys import KeyStore

_ROUNDS, _TIMEOUT = 5, 60.0
_PACKAGES, _CHECKS = 400, 120
_GOAL = Goal(limit=1.0, bound=Bound.VALUE)


def measure(bench: BenchSubject) -> list[Row]:
    """CPU seconds of `imagekit verify --evidence-only`, beside `imagekit --help`; medians of five."""
    layout = bench.scratch / "oci"
    image = made_image(layout, large_blob(layout, 1 << 20), 1, 1 << 10).manifest
    with reserved_port() as port:
        address = f"127.0.0.1:{port}"
    keys = KeyStore(bench.scratch / "keys", environ={})
    own: list[str | Path] = [program(), "--project", bench.project.root]
    with registry(bench.scratch / "work", address):
        with step("Publishing made evidence"):
            reference = _published(layout, image, address, keys)
        verify = [*own, "verify", str(reference), "--evidence-only", "--key", keys.public_path]
        measured = median(cost_of(verify, timeout=_TIMEOUT).cpu_seconds for _ in range(_ROUNDS))
    bare = median(cost_of([*own, "--help"], timeout=_TIMEOUT).cpu_seconds for _ in range(_ROUNDS))
    return [
        Row(
            name="verify --evidence-only",
            measured=measured,
            unit="CPU s",
            against="imagekit --help",
            reference=bare,
            goal=_GOAL,
            note=f"signature, {_CHECKS} checks, {_PACKAGES} packages in both formats",
        )
    ]


def _published(layout: Path, image: Digest, address: str, keys: KeyStore) -> Reference:
    reference = Reference(address, "bench/node", None, image)
    signer = keys.signer()
    with Registry(address) as client:
        push_image(layout, image, reference, client)
        subject = client.manifest(reference.repository, image).descriptor
        for each in statements(image):
            bundle = signer.sign(each.stamped(datetime.now(UTC)))
            attach_bundle(client, reference.repository, subject, bundle, predicate_type=each.predicate_type)
    return reference


def statements(image: Digest) -> tuple[Statement, ...]:
    """What is attached: of the size that a real node image has."""
    packages = [
        Package(name=f"package-{n}", version=f"1.{n}-1", arch="amd64", kind="deb", source=f"source-{n}")
        for n in range(_PACKAGES)
    ]
    checks = [
        CheckResult(id=f"base::check_{n}", layer="base", title="holds", outcome=Outcome.PASSED, seconds=0.1)
        for n in range(_CHECKS)
    ]
    suite = SuiteResult(suite_hash="0" * 64, checks=tuple(checks), seconds=1.0)
    return (
        result_statement(image, suite, [], harness_version="bench"),
        sbom_statement(image, cyclonedx(image, packages, name="node", version="v0", epoch=0)),
        spdx_statement(image, spdx(image, packages, name="node", version="v0", epoch=0)),
        signature_statement(image),
    )
