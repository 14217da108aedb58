"""What the gate is told and what it answers, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from imagekit.base.errors import RefusedError
from imagekit.cve.model import Scan
from imagekit.inventory.horizon import Expiry
from imagekit.oci.reference import Digest
from imagekit.trust.change.model import Changed, ChangeRecord
from imagekit.trust.evidence.identity import Identity
from imagekit.trust.finding import Finding, Status
from imagekit.trust.sign.trust import Reading


class GateClosedError(RefusedError):
    """A digest does not have what the policy asks for."""


class YankedError(RefusedError):
    """Somebody trusted has denied the digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One bundle about a digest; `source` is the digest of the manifest that holds it, or a file's path."""

    source: str
    reading: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """A digest's last time in a channel, as the ledger has it: `left` is None while it is there.

    `taken_back` says why it left when that was no promotion of another version but a rollback or a yank.
    """

    entered: datetime
    left: datetime | None = None
    taken_back: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stays:
    """The stays of a digest by channel, None where no ledger was asked; `problem` is why it cannot tell, else empty."""

    channels: Mapping[str, Stay] | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """The known vulnerabilities of a digest, or why they cannot be told; `source` is the bill of materials taken."""

    scan: Scan | None = None
    source: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """The certificates of a digest, or why they cannot be told."""

    certificates: tuple[Expiry, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known of a digest: what refers to it in the registry, and waivers and denials kept as files.

    `suites` gives the current suite hash of each image that the project knows; `arch` and `version` are those of the
    image's own configuration, empty for an index; `stays` is what the ledger knows, `scanned` which vulnerabilities are
    known, `dated` what of it expires; None where the policy does not ask.
    """

    digest: Digest
    image: str
    items: tuple[Item, ...]
    suites: Mapping[str, str] = field(default_factory=dict)
    arch: str = ""
    version: str = ""
    stays: Stays = Stays()
    change: Changed = field(default_factory=Changed)
    scanned: Scanned | None = None
    dated: Dated | None = None

    @property
    def identity(self) -> Identity:
        """What the evidence has to be about."""
        return Identity(image=self.image, arch=self.arch, version=self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer of the gate about one digest and one channel at one time."""

    reference: str
    digest: Digest | None
    channel: str
    policy: Digest
    at: datetime
    findings: tuple[Finding, ...]
    change: ChangeRecord | None = None

    @property
    def passed(self) -> bool:
        """True when there are requirements and none is unsatisfied."""
        return bool(self.findings) and not self.unsatisfied

    @property
    def unsatisfied(self) -> tuple[Finding, ...]:
        """The requirements that do not hold."""
        return tuple(finding for finding in self.findings if finding.status is Status.UNSATISFIED)

    @property
    def waived(self) -> tuple[Finding, ...]:
        """The requirements that hold only because people said so."""
        return tuple(finding for finding in self.findings if finding.status is Status.WAIVED)

    @property
    def sources(self) -> tuple[str, ...]:
        """Everything that was taken for the answer, each once."""
        return tuple(dict.fromkeys(source for finding in self.findings for source in finding.sources))

    def require_passed(self) -> None:
        """Raise `GateClosedError` with every reason unless the digest may pass."""
        if not self.passed:
            reasons = "; ".join(f"{item.name}: {item.reason}" for item in self.unsatisfied) or "nothing was asked for"
            raise GateClosedError(
                f"{self.digest or self.reference} may not enter {self.channel}: {reasons}",
                hint=f"`imagekit gate {self.reference} --channel {self.channel}` shows every requirement.",
            )
