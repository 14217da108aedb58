"""Making, trusting and rotating keys: private parts stay in this clone, public ones go into trust.yaml."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from imagekit.app.trusted import OWN_KEY, key_folder, keys_of, own_entry
from imagekit.base.errors import ConfigError
from imagekit.config.load import Project
from imagekit.trust.sign.interface import KeyFileError
from imagekit.trust.sign.keys import KeyStore, read_public
from imagekit.trust.sign.trust import load_trust, standing
from imagekit.trust.sign.trustedit import read_trust, rotated, with_key, write_trust
from imagekit.trust.sign.trustfile import TrustedKey, TrustFile


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """One trusted key as it stands now; `private` says whether its private part is in this clone."""

    key: TrustedKey
    state: str
    private: bool


def create_key(project: Project, name: str, *, environ: Mapping[str, str] = os.environ) -> Path:
    """Make a key pair ``NAME.key`` and ``NAME.pub`` in this clone; returns the public part. Never replaces a key."""
    store = _new_store(project, name, environ)
    store.ensure()
    return store.public_path


def trust_key(project: Project, key: TrustedKey) -> Path:
    """Add a key to trust.yaml, which is made when there is none: then with the project's own key in it first.

    A project that builds with a key of its own and has none yet gets it now: without the file that key is what
    counts, and with a file that lacks it nothing could be published any more.
    """
    file = read_trust(project.root)
    if file is None and project.images and project.settings.signing_key is None:
        KeyStore(key_folder(project), environ={}).ensure()
    if file is None and keys_of(project).public_path.exists() and key.pem != own_entry(project).pem:
        file = TrustFile(version=1, keys=(own_entry(project),))
    return _written(project, with_key(file, key))


def rotate_key(
    project: Project,
    old: str,
    *,
    new: str | None = None,
    overlap: timedelta = timedelta(0),
    environ: Mapping[str, str] = os.environ,
) -> str:
    """Make a new key that serves what `old` served; the old one ends after `overlap`. Returns the new id.

    What the old key signed inside its window goes on to count. Raises `ConfigError`, `KeyFileError`.
    """
    file = read_trust(project.root)
    if file is None:
        file = TrustFile(version=1, keys=(own_entry(project),))
    now = datetime.now(UTC)
    name = new or f"{old}-{now:%Y%m%d}"
    planned = rotated(file, old, new=name, pem="planned", now=now, until=now + overlap)  # refuses before a key is made
    assert planned.keys[-1].id == name
    public = create_key(project, name, environ=environ)
    pem = read_public(public).decode()
    _written(project, rotated(file, old, new=name, pem=pem, now=now, until=now + overlap))
    return name


def list_keys(project: Project) -> tuple[KeyRow, ...]:
    """Every trusted key and how it stands now; raises `ConfigError`."""
    file = read_trust(project.root) or TrustFile(version=1, keys=(own_entry(project),))
    now = datetime.now(UTC)
    rows = []
    for key in file.keys:
        name = "cosign" if key.id == OWN_KEY else key.id
        there = (key_folder(project) / f"{name}.key").exists()
        rows.append(KeyRow(key=key, state=standing(key, now)[1] or "counts now", private=there))
    return tuple(rows)


def public_pem(path: Path) -> str:
    """The text of a public key file; raises `KeyFileError` for anything else, a private key above all."""
    from imagekit.trust.sign.native import read_public_key

    data = read_public(path)
    if b"PRIVATE" in data:
        raise KeyFileError(f"{path} is a private key", hint="Name the .pub file beside it.")
    read_public_key(data, str(path))
    return data.decode()


def _written(project: Project, file: TrustFile) -> Path:
    path = write_trust(project.root, file)
    load_trust(project.root)
    return path


def _new_store(project: Project, name: str, environ: Mapping[str, str]) -> KeyStore:
    store = KeyStore(key_folder(project), name=name, environ=environ, own_password=False)
    taken: Sequence[Path] = [path for path in (store.private_path, store.public_path) if path.exists()]
    if taken:
        raise ConfigError(f"{taken[0]} is there already", hint="A key is never replaced; choose another id.")
    return store
