"""Channel files as the ledger's branch has them committed."""

from __future__ import annotations

from imagekit.base.errors import ConfigError
from imagekit.config.load import parse_text
from imagekit.release.channel.model import FOLDER, ChannelFile, channel_path
from imagekit.release.ledger.chain import Chain
from imagekit.release.ledger.record import LedgerError
from imagekit.release.ledger.store import LedgerStore


def channel_names(store: LedgerStore) -> list[str]:
    """The channels that have a file, whether or not the policy knows them."""
    return [path.stem for path in store.listed(FOLDER) if path.suffix == ".yaml" and path.parent == FOLDER]


def committed_channel(store: LedgerStore, name: str) -> ChannelFile:
    """A channel's file as it is committed; an empty one when there is none yet. Raises `ConfigError`."""
    path = channel_path(name)
    raw = store.read(path)
    if raw is None:
        return ChannelFile(channel=name)
    found = parse_text(ChannelFile, raw.decode(errors="replace"), store.root / path)
    if found.channel != name:
        raise ConfigError(f"{path} says it is the channel {found.channel!r}")
    return found


def committed_channels(store: LedgerStore, chain: Chain) -> list[ChannelFile]:
    """Every channel that has a file or that a record names; raises `LedgerError` for one that cannot be read."""
    named = {record.channel for record in chain.records if record.channel}
    return [_readable(store, name) for name in sorted({*channel_names(store), *named})]


def _readable(store: LedgerStore, name: str) -> ChannelFile:
    try:
        return committed_channel(store, name)
    except ConfigError as error:
        raise LedgerError(f"{channel_path(name)} cannot be read: {error}", hint=error.hint) from None
