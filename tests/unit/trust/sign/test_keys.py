"""The key folder: made once, closed to others, never opened with a wrong password."""

from __future__ import annotations

import base64
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from imagekit.oci.reference import Digest
from imagekit.trust.evidence.statement import signature_statement
from imagekit.trust.sign import keyfile
from imagekit.trust.sign.interface import KeyFileError
from imagekit.trust.sign.keyfile import decrypted_key, encrypted_key
from imagekit.trust.sign.keys import PASSWORD_VARIABLE, KeyStore
from tests.support.images import key
from tests.unit.conftest import KEY_COST

STATEMENT = signature_statement(Digest.of(b"image"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_pair_is_made_on_first_use_and_kept(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys", environ={})
    bundle = store.signer().sign(STATEMENT)
    content = store.private_path.read_bytes()
    assert KeyStore(tmp_path / "keys", environ={}).verifier().verify(bundle) == STATEMENT
    assert KeyStore(tmp_path / "keys", environ={}).signer() is not None
    assert store.private_path.read_bytes() == content
    assert (mode(store.private_path), mode(store.password_path), mode(store.public_path)) == (0o600, 0o600, 0o644)
    assert mode(store.folder) == 0o700
    assert len(list(store.folder.iterdir())) == 3


def test_password_of_the_environment_is_not_written_down(tmp_path: Path) -> None:
    store = KeyStore(tmp_path, environ={PASSWORD_VARIABLE: "correct horse"})
    store.signer()
    assert not store.password_path.exists()
    with pytest.raises(KeyFileError, match="no password for"):
        KeyStore(tmp_path, environ={}).signer()


@pytest.mark.parametrize("wrong", ["Tr0ub4dor", "correct horse "], ids=["other", "longer"])
def test_wrong_password(tmp_path: Path, wrong: str) -> None:
    KeyStore(tmp_path, environ={PASSWORD_VARIABLE: "correct horse"}).signer()
    with pytest.raises(KeyFileError, match="the password is wrong") as caught:
        KeyStore(tmp_path, environ={PASSWORD_VARIABLE: wrong}).signer()
    assert caught.value.exit_code == 2
    assert wrong not in str(caught.value) + caught.value.hint


def test_empty_password(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="is empty"):
        KeyStore(tmp_path, environ={PASSWORD_VARIABLE: ""}).signer()
    assert not (tmp_path / "cosign.key").exists()


@pytest.mark.parametrize("name", ["cosign.key", "cosign.password"])
@pytest.mark.parametrize("open_to", [0o640, 0o604, 0o620])
def test_files_open_to_others_are_refused(tmp_path: Path, name: str, open_to: int) -> None:
    KeyStore(tmp_path, environ={}).signer()
    (tmp_path / name).chmod(open_to)
    with pytest.raises(KeyFileError, match="may be read by others") as caught:
        KeyStore(tmp_path, environ={}).signer()
    assert "chmod 600" in caught.value.hint


def test_half_a_pair(tmp_path: Path) -> None:
    store = KeyStore(tmp_path, environ={})
    store.signer()
    public = store.public_path.read_bytes()
    store.public_path.unlink()
    store.signer()
    assert store.public_path.read_bytes() == public
    store.private_path.unlink()
    with pytest.raises(KeyFileError, match="its private key"):
        store.signer()


def test_verifier_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"cosign\.pub"):
        KeyStore(tmp_path / "keys", environ={}).verifier()
    assert not (tmp_path / "keys").exists()


def test_two_at_once_end_with_one_pair(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        bundles = list(pool.map(lambda _: KeyStore(tmp_path, environ={}).signer().sign(STATEMENT), range(4)))
    for bundle in bundles:
        assert KeyStore(tmp_path, environ={}).verifier().verify(bundle) == STATEMENT


def test_form_is_that_of_cosign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyfile, "_COST", KEY_COST)
    lines = encrypted_key(key(), b"pass").decode().splitlines()
    assert lines[0] == "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----"
    fields = json.loads(base64.b64decode("".join(lines[1:-1])))
    assert fields["kdf"]["name"] == "scrypt"
    assert fields["kdf"]["params"] == {"N": 65536, "r": 8, "p": 1}
    assert fields["cipher"]["name"] == "nacl/secretbox"


def test_encrypted_pkcs8_is_read_too() -> None:
    pem = key().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"pass"),
    )
    assert decrypted_key(pem, b"pass", "k").public_key() == key().public_key()
    with pytest.raises(KeyFileError, match="cannot open k"):
        decrypted_key(pem, b"wrong", "k")


_END = b"-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"


@pytest.mark.parametrize("damage", [lambda pem: pem[:200], lambda pem: pem.replace(b"A", b"B"), lambda pem: b""])
def test_damaged_key_file_is_named(damage) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(KeyFileError, match="my-key"):
        decrypted_key(damage(encrypted_key(key(), b"pass")), b"pass", "my-key")


def test_of_a_damaged_key_file_it_is_said_what_to_do() -> None:
    with pytest.raises(KeyFileError, match="is damaged") as caught:
        decrypted_key(encrypted_key(key(), b"pass")[:200] + b"\n" + _END, b"pass", "my-key")
    assert "backup" in caught.value.hint


def test_unencrypted_key_is_refused() -> None:
    pem = key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(KeyFileError, match="no encrypted private key"):
        decrypted_key(pem, b"pass", "k")


@pytest.mark.attack
@pytest.mark.parametrize("opened", [0o770, 0o702, 0o777])
def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path, opened: int) -> None:
    """Weak point without a row: whoever may write to the folder chooses the key that signs."""
    store = KeyStore(tmp_path / "keys", environ={})
    store.signer()
    store.folder.chmod(opened)
    with pytest.raises(KeyFileError, match="may be written by others"):
        store.signer()
    (tmp_path / "link").symlink_to(store.folder)
    with pytest.raises(KeyFileError, match="may be written by others"):
        KeyStore(tmp_path / "link", environ={}).signer()
    store.folder.chmod(0o755)
    assert store.signer()


@pytest.mark.attack
def test_a_key_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weak point without a row; under sudo the files of whom sudo was called by are one's own."""
    store = KeyStore(tmp_path / "keys", environ={})
    store.signer()
    owner = store.private_path.stat().st_uid
    if owner == 0:
        owner = 1234
        for path in (store.folder, *store.folder.iterdir()):
            os.chown(path, owner, -1)
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(KeyFileError, match=f"belongs to another user .uid {owner}"):
        store.signer()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(KeyFileError, match="belongs to another user"):
        store.signer()
    monkeypatch.setenv("SUDO_UID", str(owner))
    assert store.signer()
