"""Gathering the evidence of a report: the ledger, keys, what the registry has signed, Git's objects, observations."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from imagekit.app.auditing import store_of
from imagekit.app.decided import ledger_of
from imagekit.app.trusted import trust_of
from imagekit.audit.bundle import Signed, git_files, pack, readme, report_files, table
from imagekit.audit.model import Report
from imagekit.base.errors import ConfigError
from imagekit.base.files import write_whole
from imagekit.config.load import Project
from imagekit.oci.reference import Digest, Reference
from imagekit.trust.evidence.statement import CYCLONEDX_TYPE, SPDX_TYPE
from imagekit.trust.sign.native import claimed_statement
from imagekit.trust.sign.trust import TrustStore

_LARGE = (CYCLONEDX_TYPE, SPDX_TYPE)  # bills of materials say nothing of where a digest was
_MOST_OBSERVATIONS = 1_000_000


def write_bundle(project: Project, report: Report, path: Path, *, observations: Path | None = None) -> Path:
    """Write the ZIP file, whole or not at all; raises what the registry raises when it was asked for the report."""
    trust, git = trust_of(project), ledger_of(project).git
    signed: list[Signed] = []
    files = dict(report_files(report))
    for name, data in [*_records(project, report), *_evidence(project, report, trust)]:
        files[name] = data
        signed += [each] if (each := _signer(name, data, trust)) is not None else []
    keys = _keys(project, trust)
    files |= {f"keys/{name}.pub": data for name, data in keys.items()}
    files |= dict(git_files(git, report))
    rows = _observations(project, observations) if report.observed_head else b""
    files |= {"signed.tsv": table(signed), "observations.tsv": rows}
    fingerprints = {name: sha256(data).hexdigest() for name, data in keys.items()}
    files["README.md"] = readme(report, signed, fingerprints, observations=rows.count(b"\n"))
    return write_whole(path, pack(files))


def _records(project: Project, report: Report) -> Iterator[tuple[str, bytes]]:
    for name, data in ledger_of(project).records(report.head):
        yield f"ledger/{name}", data


def _evidence(project: Project, report: Report, trust: TrustStore) -> Iterator[tuple[str, bytes]]:
    """Everything but bills of materials that trusted keys signed about the digests that were verified."""
    from imagekit.app.release import registry_client
    from imagekit.trust.proof import read_bundles

    for digest, standing in report.standings.items():
        if not standing.sources or not standing.reference:
            continue
        home = Reference.parse(standing.reference)
        with registry_client(project, home.registry) as client:
            for found in read_bundles(client, home.repository, Digest(digest)):
                reading = trust.read(found.bundle) if found.bundle and not found.problem else None
                if reading is None or reading.key is None or reading.statement is None:
                    continue
                if reading.statement.predicate_type not in _LARGE and reading.statement.subject == Digest(digest):
                    yield f"evidence/{digest[7:19]}-{found.referrer.short}.json", found.bundle


def _signer(name: str, data: bytes, trust: TrustStore) -> Signed | None:
    """Which key signed a file; None for a keyless one, or one by a key that trust.yaml has no more."""
    reading = trust.read(data)
    if reading.key is None or reading.key.keyless is not None:
        return None
    said = claimed_statement(data)
    return Signed(name, reading.key.id, said.predicate_type, said.subject.hex)


def _keys(project: Project, trust: TrustStore) -> dict[str, bytes]:
    """The public keys of trust.yaml, by id."""
    found = {}
    for key in trust.keys:
        if key.pem is not None:
            found[key.id] = key.pem.encode()
        elif key.public_key is not None:
            try:
                found[key.id] = (project.root / key.public_key).read_bytes()
            except OSError as error:
                raise ConfigError(f"{key.public_key}: {error.strerror}", hint="trust.yaml names it.") from None
    return found


def _observations(project: Project, path: Path | None) -> bytes:
    """Every link of the chain: a part of it could not be checked."""
    store = store_of(project, path)
    lines = []
    for number, (kept, body) in enumerate(store.links(), start=1):
        if number > _MOST_OBSERVATIONS:
            raise ConfigError(
                f"{store.path} has more than {_MOST_OBSERVATIONS} observations", hint="Begin another file."
            )
        lines.append(f"{kept}\t{body}\n")
    return "".join(lines).encode()
