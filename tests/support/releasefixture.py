"""A release context for tests: a ledger in a folder, a registry simulator, and a gate that says what it is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from imagekit.base.errors import RefusedError
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.release.channel.context import ReleaseContext
from imagekit.release.ledger.store import LedgerStore
from imagekit.trust.finding import Finding, Requirement, Status
from imagekit.trust.gate.model import Decision
from imagekit.trust.sign.native import NativeSigner, NativeVerifier
from tests.support.images import fixed_key
from tests.support.project import commit, git, repository
from tests.support.registry import RegistrySimulator

IMAGE = "node"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass
class ReleaseFixture:
    """Everything around a release context; `closed` names requirements that the gate finds unsatisfied.

    `unsigned` are digests that nobody vouches for, `foreign` those of another image.
    """

    root: Path
    simulator: RegistrySimulator
    closed: Mapping[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    summaries: list[tuple[str, str]] = field(default_factory=list)
    unsigned: set[Digest] = field(default_factory=set)
    foreign: set[Digest] = field(default_factory=set)
    minutes: int = 0

    def context(self, *, push: str = "") -> ReleaseContext:
        """A context one minute later than the one before."""
        self.minutes += 1
        return ReleaseContext(
            store=LedgerStore(self.root / "work", push=push),
            signer=NativeSigner(fixed_key()),
            verifier=NativeVerifier(fixed_key().public_key()),
            actor="ann@example.org",
            now=NOW + timedelta(minutes=self.minutes),
            repositories={name: f"{self.simulator.address}/imagekit/{name}" for name in ("dev", "prod")},
            registry=self.registry,
            gate=self._gate,
            summarize=self._summarize,
            vouches=self._vouches,
            locks=self.root / "locks",
        )

    @contextmanager
    def registry(self, address: str) -> Iterator[Registry]:
        """A client of the simulator."""
        assert address == self.simulator.address
        with self.simulator.client() as client:
            yield client

    def source(self, digest: Digest) -> Reference:
        """Where versions are published."""
        return Reference(self.simulator.address, f"imagekit/{IMAGE}", None, digest)

    def tagged(self, channel: str) -> dict[str, str]:
        """The version tags of a channel."""
        return self.simulator.user_tags(f"imagekit/{channel}/{IMAGE}")

    def _gate(self, client: Registry, reference: Reference, channel: str) -> Decision:
        self.asked.append((reference.repository, channel))
        closed = {**self.closed, **({"signature": "nobody vouches"} if reference.digest in self.unsigned else {})}
        closed |= {"identity": "of another image"} if reference.digest in self.foreign else {}
        findings = [
            Finding(
                requirement=Requirement(name),
                status=Status.UNSATISFIED if name in closed else Status.SATISFIED,
                reason=closed.get(name, "good"),
            )
            for name in ("yank", "signature", "identity", "tests", "soak")
        ]
        return Decision(
            reference=str(reference),
            digest=reference.digest,
            channel=channel,
            policy=Digest.of(b"policy"),
            at=NOW,
            findings=tuple(findings),
        )

    def _vouches(self, bundle: bytes, digest: Digest) -> bool:
        try:
            return NativeVerifier(fixed_key().public_key()).verify(bundle).subject == digest
        except RefusedError:
            return False

    def _summarize(self, client: Registry, target: Reference, decision: Decision) -> None:
        self.summaries.append((target.repository, decision.channel))


def open_release_fixture(root: Path, simulator: RegistrySimulator) -> ReleaseFixture:
    """A fixture with a ledger that has one commit."""
    repository("ledger", root / "work", _write_ledger)
    return ReleaseFixture(root, simulator)


def _write_ledger(work: Path) -> None:
    git(work, "init", "-q", "-b", "main")
    git(work, "config", "user.email", "ann@example.org")
    git(work, "config", "user.name", "Ann")
    (work / "README").write_text("a project\n")
    commit(work, "first", "2026-11-22T12:00:00+00:00")
