"""What every decision needs: the ledger, who decides, with which key, and how a registry is reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from imagekit.base.errors import ConfigError
from imagekit.config.load import parse_text
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.release.channel.history import demand_agreement
from imagekit.release.channel.model import ChannelFile, channel_path, to_yaml
from imagekit.release.ledger.chain import Chain, file_hash
from imagekit.release.ledger.record import Action, Record
from imagekit.release.ledger.store import FOLDER, LedgerStore
from imagekit.trust.gate.model import Decision, Status
from imagekit.trust.sign.interface import Signer, Verifier

OpenRegistry = Callable[[str], AbstractContextManager[Registry]]
AskGate = Callable[[Registry, Reference, str], Decision]
# Whether a bundle is a statement about a digest that counts: by a trusted key in its window, or a denial by any.
Vouches = Callable[[bytes, Digest], bool]
# Attaches a summary of a decision to a digest, unless one of the same decision is there.
Summarize = Callable[[Registry, Reference, Decision], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where decisions are made. `repositories` gives each channel's HOST[:PORT]/prefix, in the order of rising.

    `vouches` knows every key of the trust file. `locks` is a folder of this host; `now` the clock of records (UTC).
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

    def home(self, channel: str, image: str) -> Reference:
        """The repository of an image in a channel; raises `ConfigError` for a channel that the policy does not know."""
        if channel not in self.repositories:
            raise ConfigError(f"no channel {channel!r}", hint=f"Channels here: {', '.join(self.repositories)}.")
        return Reference.parse(f"{self.repositories[channel]}/{image}")

    def chain(self) -> Chain:
        """The ledger, read and proven, and in agreement with every channel file; raises `LedgerError`."""
        chain = self.store.chain(self.verifier)
        demand_agreement(chain, [self.channel(name) for name in self.repositories])
        return chain

    def vouched(self, client: Registry, target: Reference) -> bool:
        """Whether a trusted key signed a digest as this image, as the gate of the first channel sees it."""
        findings = self.gate(client, target, next(iter(self.repositories))).findings
        asked = {item.name: item.status for item in findings if item.name in ("signature", "identity")}
        return "signature" in asked and all(status is Status.SATISFIED for status in asked.values())

    def channel(self, name: str) -> ChannelFile:
        """A channel's file as it is committed; an empty one when there is none yet."""
        path = channel_path(name)
        raw = self.store.read(path)
        if raw is None:
            return ChannelFile(channel=name)
        found = parse_text(ChannelFile, raw.decode(errors="replace"), self.store.root / path)
        if found.channel != name:
            raise ConfigError(f"{path} says it is the channel {found.channel!r}")
        return found

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
    ) -> Signed:
        """The next record of the ledger, signed, about `target` (by digest)."""
        if target.digest is None:
            raise ConfigError(f"{target} names no digest")
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
        )
        return Signed(record=made, data=self.signer.sign(made.statement().stamped(self.now)))

    def write(
        self,
        signed: Signed,
        file: ChannelFile | None,
        message: str,
        more: Mapping[PurePosixPath, bytes] = MappingProxyType({}),
    ) -> str:
        """Commit a record, the channel file that it changes and `more` files in one commit; returns the commit's id."""
        files: dict[PurePosixPath, bytes | None] = {FOLDER / signed.record.file_name: signed.data, **more}
        if file is not None:
            files[channel_path(file.channel)] = to_yaml(file)
        return self.store.commit(files, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A record and the bytes of its file."""

    record: Record
    data: bytes

    @property
    def hash(self) -> str:
        """What the next record, and the channel file, repeat."""
        return file_hash(self.data)
