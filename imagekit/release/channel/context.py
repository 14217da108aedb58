"""What every decision needs: the ledger, who decides, with which key, and how a registry is reached."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from imagekit.base.errors import ConfigError, ImagekitError
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.release.channel.committed import channel_names, committed_channel, committed_channels
from imagekit.release.channel.history import require_agreement
from imagekit.release.channel.model import Anchor, ChannelFile, channel_path, to_yaml
from imagekit.release.ledger.basis import Basis
from imagekit.release.ledger.chain import Chain, file_hash
from imagekit.release.ledger.judge import Judge, VerifierJudge
from imagekit.release.ledger.record import Action, LedgerError, Record
from imagekit.release.ledger.store import LedgerStore
from imagekit.release.ledger.witness import FOLDER
from imagekit.trust.finding import Requirement, Status
from imagekit.trust.gate.model import Decision
from imagekit.trust.sign.interface import Signer, Verifier

OpenRegistry = Callable[[str], AbstractContextManager[Registry]]
AskGate = Callable[[Registry, Reference, str], Decision]
# Whether a bundle is a statement about a digest that counts: by a trusted key in its window, or a denial by any.
Vouches = Callable[[bytes, Digest], bool]
# Attaches a summary of a decision to a digest, unless one of the same decision is there.
Summarize = Callable[[Registry, Reference, Decision], None]
# By which files a decision about a digest is made.
AskBasis = Callable[[Digest], Basis]
_IMAGE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")  # as channel files name images
_LONGEST_IMAGE = 63
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseContext:
    """Where decisions are made. `repositories` gives each channel's HOST[:PORT]/prefix, in the order of rising.

    `vouches` knows every key of the trust file. `locks` is a folder of this host; `now` the clock of records (UTC).
    `judge` tells whose records count; by default those that `verifier` accepts.
    """

    store: LedgerStore
    signer: Signer
    verifier: Verifier
    actor: str
    now: datetime
    repositories: Mapping[str, str]
    registry: OpenRegistry
    gate: AskGate
    summarize: Summarize
    vouches: Vouches
    locks: Path
    judge: Judge | None = None
    basis: AskBasis = lambda _digest: Basis()

    def home(self, channel: str, image: str) -> Reference:
        """The repository of an image in a channel; raises `ConfigError` for other names."""
        if channel not in self.repositories:
            raise ConfigError(f"no channel {channel!r}", hint=f"Channels here: {', '.join(self.repositories)}.")
        if not _IMAGE.fullmatch(image) or len(image) > _LONGEST_IMAGE:
            raise ConfigError(
                f"{image[:80]!r} is no name of an image", hint="Channels have small letters, figures and dashes."
            )
        return Reference.parse(f"{self.repositories[channel]}/{image}")

    def chain(self, *, fresh: bool = False) -> Chain:
        """The ledger, read and proven, and in agreement with every channel file; raises `LedgerError`.

        `fresh` verifies again what this clone has verified before.
        """
        chain = self.store.chain(self.records, fresh=fresh)
        require_agreement(chain, committed_channels(self.store, chain))
        return chain

    def emergency_chain(self, *, fresh: bool = False) -> tuple[Chain, str]:
        """As `chain`, for what must go on with a ledger that does not verify: then what can be read of it, and why.

        Only to take things back: who promotes needs a ledger that is whole.
        """
        try:
            return self.chain(fresh=fresh), ""
        except LedgerError as error:
            logger.warning("WARNING: the ledger does not verify: %s", error)
            logger.warning("WARNING: going on all the same; the record will say so. Repair the ledger afterwards.")
            return self.store.claims(self.records), f"{error}"[:1000]

    @property
    def records(self) -> Judge:
        """Whose records count."""
        return self.judge or VerifierJudge(self.verifier)

    def vouched(self, client: Registry, target: Reference) -> bool:
        """Whether a trusted key signed a digest as this image, as the gate of the first channel sees it."""
        findings = self.gate(client, target, next(iter(self.repositories))).findings
        named = (Requirement.SIGNATURE, Requirement.IDENTITY)
        asked = {item.requirement: item.status for item in findings if item.requirement in named and not item.image}
        return Requirement.SIGNATURE in asked and all(status is Status.SATISFIED for status in asked.values())

    def channel(self, name: str) -> ChannelFile:
        """A channel's file as it is committed; an empty one when there is none yet."""
        return committed_channel(self.store, name)

    def record(
        self,
        chain: Chain,
        action: Action,
        target: Reference,
        *,
        image: str,
        version: str,
        channel: str = "",
        before: Digest | None = None,
        reason: str = "",
        decision: Sequence[tuple[str, str]] = (),
        emergency: str = "",
    ) -> Signed:
        """The next record of the ledger, signed, about `target` (by digest).

        Raises `ConfigError` where policy, trust file or a waiver is not committed, unless something is taken back.
        """
        if target.digest is None:
            raise ConfigError(f"{target} names no digest")
        basis = self.basis(target.digest)
        if action not in (Action.ROLLBACK, Action.YANK):
            basis.require_committed()
        elif basis.uncommitted:
            reported = f"not as committed: {', '.join(basis.uncommitted)}"
            logger.warning("WARNING: %s", reported)
            emergency = "; ".join(filter(None, (emergency, reported)))
        made = Record(
            sequence=chain.next_sequence,
            previous=chain.head,
            action=action,
            at=self.now,
            actor=self.actor,
            image=image,
            version=version,
            digest=target.digest,
            reference=str(Reference(target.registry, target.repository, None, target.digest)),
            channel=channel,
            before=before,
            reason=reason,
            decision=tuple(decision),
            basis=basis.entries,
            emergency=emergency,
        )
        return self.signed(made)

    def signed(self, record: Record) -> Signed:
        """A record, signed with the key of whoever decides."""
        return Signed(record=record, data=self.signer.sign(record.statement().stamped(self.now)))

    def write(
        self,
        signed: Signed,
        file: ChannelFile | None,
        message: str,
        more: Mapping[PurePosixPath, bytes] = MappingProxyType({}),
    ) -> str:
        """Commit a record, the channel file that it changes and `more` files in one commit; returns the commit's id.

        Every channel file names the new end of the ledger, so that no file and no end is taken back alone.
        """
        files: dict[PurePosixPath, bytes | None] = {FOLDER / signed.record.file_name: signed.data, **more}
        anchor = Anchor(records=signed.record.sequence, head=signed.hash)
        for each in self._changed(file):
            files[channel_path(each.channel)] = to_yaml(each.model_copy(update={"ledger": anchor}))
        return self.store.commit(files, message)

    def _changed(self, file: ChannelFile | None) -> list[ChannelFile]:
        """Every channel file that there will be; one that cannot be read (in an emergency) is left as it is."""
        found = [] if file is None else [file]
        for name in channel_names(self.store):
            if file is not None and name == file.channel:
                continue
            try:
                found.append(self.channel(name))
            except ImagekitError as error:
                logger.warning("WARNING: left as it is: %s", error)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A record and the bytes of its file."""

    record: Record
    data: bytes

    @property
    def hash(self) -> str:
        """What the next record, and the channel file, repeat."""
        return file_hash(self.data)
