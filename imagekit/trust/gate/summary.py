"""What a promotion writes down: the gate of this channel let this digest pass, from this evidence."""

from __future__ import annotations

from pathlib import Path

from imagekit.base.errors import ConfigError
from imagekit.oci.reference import Digest, Reference
from imagekit.trust.evidence.decisions import summary_statement
from imagekit.trust.evidence.provenance import BUILD_LEVEL
from imagekit.trust.evidence.statement import Statement
from imagekit.trust.finding import Requirement
from imagekit.trust.gate.model import Decision


def summary_of(decision: Decision, target: Reference, root: Path, *, version: str) -> Statement:
    """The verification summary of a decision that passed; `target` is where the digest goes, `root` the project.

    Evidence is named by the digest of the manifest that holds it, waivers by the hash of their file.
    Raises `GateClosedError` for a decision that did not pass.
    """
    decision.require_passed()
    if decision.digest is None:
        raise ConfigError(f"{decision.reference} names no digest")
    proven = any(item.requirement is Requirement.PROVENANCE for item in decision.findings)
    return summary_statement(
        decision.digest,
        channel=decision.channel,
        resource=f"oci://{target.name}@{decision.digest}",
        policy=decision.policy,
        at=decision.at,
        inputs=[_input(source, target, root) for source in decision.sources],
        version=version,
        level=BUILD_LEVEL if proven else None,
        name=target.name,
    )


def _input(source: str, target: Reference, root: Path) -> tuple[str, Digest]:
    if source.startswith("sha256:"):
        return f"oci://{target.name}@{source}", Digest(source)
    return f"git+file:{source}", Digest.of_file(root / source)
