"""A folder with a key pair: `cosign.key` (encrypted), `cosign.pub`, and for the embedded default its password."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from imagekit.trust.sign.interface import KeyFileError, Signer, Verifier

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

PASSWORD_VARIABLE = "IMAGEKIT_KEY_PASSWORD"
_LARGEST = 64 << 10


class KeyStore:
    """A key pair in a folder; made on first use by `signer`, never by `verifier`.

    The password comes from `<name>.password`, a file of mode 0600 that is made together with the key when the
    environment has none and `own_password` allows it, or from the environment (`IMAGEKIT_KEY_PASSWORD`). Nobody is
    asked.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "cosign",
        environ: Mapping[str, str] = os.environ,
        own_password: bool = True,
    ) -> None:
        self.folder = folder
        self.private_path = folder / f"{name}.key"
        self.public_path = folder / f"{name}.pub"
        self.password_path = folder / f"{name}.password"
        self._environ, self._own_password = environ, own_password

    def signer(self) -> Signer:
        """Open the private key, made now if there is none; raises `KeyFileError`."""
        self.ensure()
        return self.open()

    def open(self) -> Signer:
        """Open the private key that is there; raises `KeyFileError`."""
        from imagekit.trust.sign.native import NativeSigner

        return NativeSigner(self._private_key())

    def verifier(self) -> Verifier:
        """Read the public key; raises `KeyFileError` when there is none."""
        return verifier_of(self.public_path)

    def ensure(self) -> None:
        """Make the pair unless it is there; a half that a crash left out is completed."""
        if not self.private_path.exists():
            self._make()
        if not self.public_path.exists():
            from imagekit.trust.sign.native import public_key_pem

            _write_once(self.public_path, public_key_pem(self._private_key().public_key()), 0o644)

    def _make(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        from imagekit.trust.sign.keyfile import encrypted_key

        if self.public_path.exists():
            raise KeyFileError(
                f"{self.public_path} is there, its private key {self.private_path.name} is not",
                hint="Put the private key back, or remove the public one to begin with a new pair.",
            )
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if PASSWORD_VARIABLE not in self._environ and self._own_password:
            _write_once(self.password_path, (secrets.token_urlsafe(32) + "\n").encode(), 0o600)
        key = ec.generate_private_key(ec.SECP256R1())
        _write_once(self.private_path, encrypted_key(key, self._password()), 0o600)

    def _private_key(self) -> ec.EllipticCurvePrivateKey:
        from imagekit.trust.sign.keyfile import decrypted_key

        return decrypted_key(_read_secret(self.private_path), self._password(), str(self.private_path))

    def _password(self) -> bytes:
        # Its own file first: the variable may be set for the key of a person, in the same shell.
        if self.password_path.exists():
            password = _read_secret(self.password_path).rstrip(b"\r\n")
        elif PASSWORD_VARIABLE in self._environ:
            password = self._environ[PASSWORD_VARIABLE].encode()
        else:
            raise KeyFileError(
                f"no password for {self.private_path}",
                hint=f"Set {PASSWORD_VARIABLE}, or write it to {self.password_path} with mode 0600.",
            )
        if not password:
            raise KeyFileError(f"the password for {self.private_path} is empty", hint="Set one that is not.")
        return password


def verifier_of(public_key: Path) -> Verifier:
    """What accepts the signatures of a `cosign.pub`; raises `KeyFileError`."""
    from imagekit.trust.sign.native import NativeVerifier, read_public_key

    return NativeVerifier(read_public_key(read_public(public_key), str(public_key)))


def read_public(public_key: Path) -> bytes:
    """The PEM text of a public key file; raises `KeyFileError` when it cannot be read."""
    try:
        return public_key.read_bytes()
    except OSError as error:
        raise KeyFileError(
            f"cannot read the public key {public_key}: {error.strerror}",
            hint="Name the cosign.pub that belongs to the signer; the first `imagekit run` makes the project's own.",
        ) from None


def _read_secret(path: Path) -> bytes:
    """A small file that only its owner may read; raises `KeyFileError` when others may, or could have put it there."""
    try:
        with path.open("rb") as stream:
            found = os.fstat(stream.fileno())
            if stat.S_IMODE(found.st_mode) & 0o077:
                raise KeyFileError(
                    f"{path} may be read by others (mode {stat.S_IMODE(found.st_mode):04o})",
                    hint=f"`chmod 600 {path}`; and take a new key when others may have read it.",
                )
            _require_own(path, found)
            folder = path.resolve().parent
            _require_own(folder, folder.stat())
            return stream.read(_LARGEST)
    except OSError as error:
        raise KeyFileError(f"cannot read {path}: {error.strerror}") from None


def _require_own(path: Path, found: os.stat_result) -> None:
    """Whoever owns a key's file or folder, or may write to the folder, chooses the key that signs here."""
    # Under sudo, as in the workflows, the project belongs to whom sudo was called by.
    ours = {0, os.geteuid(), *([int(os.environ.get("SUDO_UID", "0"))] if os.geteuid() == 0 else [])}
    if found.st_uid not in ours:
        raise KeyFileError(
            f"{path} belongs to another user (uid {found.st_uid})",
            hint=f"`chown {os.geteuid()} {path}`, when it is yours.",
        )
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISDIR(found.st_mode) and mode & 0o022:
        raise KeyFileError(
            f"{path} may be written by others (mode {mode:04o}), who could replace the key in it",
            hint=f"`chmod go-w {path}`.",
        )


def _write_once(path: Path, data: bytes, mode: int) -> None:
    """Write a whole file that is not there yet; whoever comes second keeps what the first one wrote."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
        with suppress(FileExistsError):
            os.link(stream.name, path)
