"""Changing trust.yaml: keys added and rotated; the file is read strictly before and after, and replaced whole."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from imagekit.base.errors import ConfigError
from imagekit.config.load import parse_file
from imagekit.trust.sign.trust import TRUST_FILE
from imagekit.trust.sign.trustfile import TrustedKey, TrustFile

_HEAD = "# Whose signatures count, for what, and when; docs/release-policy.md explains every key.\n"


def with_key(file: TrustFile | None, key: TrustedKey) -> TrustFile:
    """The trust file with one more key; raises `ConfigError` when the id is taken."""
    if file is None:
        return TrustFile(version=1, keys=(key,))
    if any(each.id == key.id for each in file.keys):
        raise ConfigError(f"{TRUST_FILE}: the id {key.id} is taken", hint="Ids are never used again; choose another.")
    return TrustFile.model_validate(file.model_copy(update={"keys": (*file.keys, key)}).model_dump())


def rotated(file: TrustFile, old: str, *, new: str, pem: str, now: datetime, until: datetime) -> TrustFile:
    """The trust file after a change of key: the old one ends at `until`, the new one begins at `now`.

    The new key serves what the old one served. What the old one signed inside its window goes on to count.
    """
    known = [key for key in file.keys if key.id == old]
    if not known:
        ids = ", ".join(key.id for key in file.keys)
        raise ConfigError(f"{TRUST_FILE}: no key {old!r}", hint=f"Keys here: {ids}.")
    if known[0].keyless is not None:
        raise ConfigError(f"{TRUST_FILE}: {old} is an identity without a key; there is nothing to rotate")
    begin, end = _second(now), min(_second(until), known[0].not_after or _second(until))
    fields = known[0].model_dump()
    ended = TrustedKey.model_validate({**fields, "not_after": end})
    fresh = {**fields, "id": new, "pem": pem, "public_key": None, "not_before": begin, "not_after": None}
    keys = tuple(ended if key.id == old else key for key in file.keys)
    return with_key(file.model_copy(update={"keys": keys}), TrustedKey.model_validate(fresh))


def read_trust(root: Path) -> TrustFile | None:
    """The trust file of a project, None when there is none; raises `ConfigError`."""
    path = root / TRUST_FILE
    return parse_file(TrustFile, path) if path.exists() else None


def write_trust(root: Path, file: TrustFile) -> Path:
    """Replace the trust file; comments at its top stay, others do not."""
    path = root / TRUST_FILE
    head = _comments(path) if path.exists() else _HEAD
    text = head + yaml.dump(_plain(file), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        parse_file(TrustFile, beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def _plain(file: TrustFile) -> dict[str, Any]:
    data: dict[str, Any] = file.model_dump(mode="json", exclude_none=True)
    for key in data["keys"]:
        if not key["channels"]:
            del key["channels"]
    return data


def _comments(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = []
    for line in lines:
        if line.strip() and not line.startswith("#"):
            break
        kept.append(line)
    return "".join(kept)


def _second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines (keys) as blocks; no aliases, which our own reader refuses."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)
