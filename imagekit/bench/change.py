"""One certificate authority added to the top layer, until the verdict; everything below it is built."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.base import process
from imagekit.bench.clone import Ran, clone_at_engine, know_hosts, run_in, verdict_note
from imagekit.bench.model import Bound, Goal, Row
from imagekit.bench.subject import BenchSubject, program
from imagekit.report.result import StageRow

if TYPE_CHECKING:
    from cryptography import x509

AUTHORITIES = Path("images/ca-trust/files")
_GOAL = Goal(limit=1.3)
_SECONDS = Goal(limit=60.0, bound=Bound.VALUE)
_TIMEOUT = 3600.0


def measure(bench: BenchSubject) -> list[Row]:
    """Wall seconds of `imagekit test` in a clone after the change, against its own boots and checks."""
    with clone_at_engine(bench.project, bench.scratch / "clone") as (clone, env):
        process.run([program(), "--quiet", "--project", clone, "build", bench.name], timeout=_TIMEOUT, env=env)
        know_hosts(clone)
        (clone / AUTHORITIES / "imagekit-bench-ca.pem").write_text(new_authority())
        ran = run_in(clone, "test", bench.name, env=env)
    return rows_of(ran)


def rows_of(ran: Ran) -> list[Row]:
    """The verdict against boots and checks, then where the time went."""
    rebuilt = [layer.name for layer in ran.result.layers if not layer.cached]
    total = Row(
        name="change in the top layer to verdict",
        measured=ran.seconds,
        unit="s",
        against="its boots and checks",
        reference=boots_and_checks(ran.result.stages, ran.seconds),
        goal=_GOAL,
        note=f"rebuilt: {', '.join(rebuilt) or 'nothing'}; {verdict_note(ran.result)}",
    )
    stages = [
        Row(
            name=f"change, {stage.name}",
            measured=stage.seconds,
            unit="s",
            against="the whole",
            reference=ran.seconds,
        )
        for stage in ran.result.stages
        if stage.seconds
    ]
    alone = Row(name="change in the top layer to verdict, seconds", measured=ran.seconds, unit="s", goal=_SECONDS)
    return [total, alone, *stages]


def boots_and_checks(stages: tuple[StageRow, ...], whole: float) -> float:
    """Seconds of the stages that no change of an image can do without, of a run that took `whole` seconds.

    Boot paths go one after the other or side by side; stages that sum up to more than the run were side by side, and
    the longest boot path is what counts.
    """
    paths: dict[str, float] = {}
    for stage in stages:
        kind, _, boot_path = stage.name.partition(" ")
        if kind in ("boot", "checks"):
            paths[boot_path] = paths.get(boot_path, 0.0) + stage.seconds
    together = sum(stage.seconds for stage in stages) > whole
    return (max if together else sum)(paths.values()) if paths else 0.0


def new_authority() -> str:
    """A self-signed certificate authority as PEM, new each time; its key is forgotten at once."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "imagekit bench CA")])
    now = datetime.now(UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    return certificate.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


def _usage() -> x509.KeyUsage:
    """Signs certificates and revocation lists, nothing else."""
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
