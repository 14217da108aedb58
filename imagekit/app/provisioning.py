"""The project as inputs of the renderer: its fleet, its ledger, its channel files, what its lock says of digests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from imagekit.app.decided import judge_of, ledger_of
from imagekit.base.errors import ConfigError
from imagekit.config.load import Project, parse_text
from imagekit.config.merge import merged_cloud_config
from imagekit.fleet.fleet import Fleet
from imagekit.fleet.read import read_fleet_files
from imagekit.fleet.resolve import digests_of
from imagekit.oci.reference import Digest, Reference
from imagekit.provision.inputs import Inputs, Vouched
from imagekit.provision.lockfile import FleetLock, read_lock, releases_of
from imagekit.release.channel.history import require_agreement, yanked
from imagekit.release.channel.model import FOLDER as CHANNELS
from imagekit.release.channel.model import ChannelFile
from imagekit.release.ledger.chain import Chain
from imagekit.release.ledger.record import Action, Record
from imagekit.release.ledger.store import LedgerStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What the ledger and the channel files say, read and in agreement."""

    vouched: Mapping[Digest, Vouched]
    yanked: Mapping[Digest, str]
    blocked: Mapping[tuple[str, Digest], str]
    channels: tuple[ChannelFile, ...]


def decided_of(project: Project) -> Decided:
    """The decisions of a project; raises `LedgerError` where the ledger or a channel file does not verify."""
    store = ledger_of(project)
    chain = store.chain(judge_of(project))
    channels = _channels(store, chain)
    require_agreement(chain, channels)
    return Decided(
        vouched=vouched_in(chain.records),
        yanked={digest: record.reason or "no reason given" for digest, record in yanked(chain.records).items()},
        blocked={
            (file.channel, Digest(each.digest)): each.reason or "no reason given"
            for file in channels
            for pointer in file.images.values()
            for each in pointer.blocked
        },
        channels=channels,
    )


def vouched_in(records: Iterable[Record]) -> dict[Digest, Vouched]:
    """Every digest that records let into a channel, with all its channels; the last reference counts."""
    found: dict[Digest, Vouched] = {}
    for each in records:
        if each.action not in (Action.PROMOTE, Action.ROLLBACK):
            continue
        before = found.get(each.digest)
        channels = (before.channels if before else frozenset()) | {each.channel}
        found[each.digest] = Vouched(
            image=each.image, version=each.version, reference=Reference.parse(each.reference), channels=channels
        )
    return found


def _channels(store: LedgerStore, chain: Chain) -> tuple[ChannelFile, ...]:
    """The file of every channel, as committed; of one that only records name an empty one, so that its lack shows."""
    files = [each for each in store.listed(CHANNELS) if each.suffix == ".yaml" and each.parent == CHANNELS]
    names = {each.stem for each in files} | {record.channel for record in chain.records if record.channel}
    return tuple(_channel(store, name) for name in sorted(names))


def _channel(store: LedgerStore, name: str) -> ChannelFile:
    path = CHANNELS / f"{name}.yaml"
    raw = store.read(path)
    if raw is None:
        return ChannelFile(channel=name)
    return parse_text(ChannelFile, raw.decode(errors="replace"), store.root / path)


def fleet_root(project: Project) -> Path:
    """The checkout that holds fleet/, channels/ and ledger/."""
    return ledger_of(project).root


def tree_folder(project: Project, fleet: Fleet) -> PurePosixPath:
    """Where the rendered tree is in that checkout."""
    git = fleet.platform.git if fleet.platform is not None else None
    return PurePosixPath((git.path if git is not None else "./provision").removeprefix("./").rstrip("/") or "provision")


def inputs_of(project: Project, *, fleet: Fleet | None = None, lock: FleetLock | None = None) -> Inputs:
    """All that the renderer needs. Raises `ConfigError` and `LedgerError`."""
    root = fleet_root(project)
    found = fleet or read_fleet_files(root)
    decided = decided_of(project)
    return Inputs(
        fleet=found,
        digests=digests_of(found, decided.channels),
        vouched=decided.vouched,
        releases=releases_of(lock or read_lock(root)),
        yanked=decided.yanked,
        blocked=decided.blocked,
        cloud_configs=_cloud_configs(project, found),
        public_keys=_public_keys(project, found),
    )


def _cloud_configs(project: Project, fleet: Fleet) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The merged files of each cluster, or else of the image that its nodes run."""
    wanted = {(node.cluster, node.image) for node in fleet.nodes.values() if node.cluster is not None}
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for cluster, image in sorted(wanted):
        own = fleet.clusters[cluster].cloud_config
        files = own or (project.images[image].cloud_config if image in project.images else ())
        missing = [each for each in files if not (project.root / each).is_file()]
        if missing:
            raise ConfigError(f"cluster {cluster}: no file {missing[0]}", hint="Paths start at the project's folder.")
        found[cluster, image] = merged_cloud_config(project.root / each for each in files)
    return found


def _public_keys(project: Project, fleet: Fleet) -> dict[str, str]:
    from imagekit.trust.sign.keys import read_public

    named = fleet.platform.public_keys if fleet.platform is not None else {}
    return {name: read_public(project.root / path).decode() for name, path in sorted(named.items())}
