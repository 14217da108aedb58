"""cosign's encrypted private key file: PKCS#8 in a NaCl secret box under scrypt, written so that cosign reads it."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from imagekit.trust.sign.interface import KeyFileError

_BEGIN = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----"
_END = "-----END ENCRYPTED SIGSTORE PRIVATE KEY-----"
# cosign before 2.0 wrote this name around the same content.
_OLD_BEGIN = "-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----"
_OLD_END = "-----END ENCRYPTED COSIGN PRIVATE KEY-----"
# What cosign 3.1 writes; scrypt takes 128 * N * r = 64 MiB for a moment.
_COST, _BLOCK, _LANES = 65536, 8, 1
_MOST_MEMORY = 256 << 20


def encrypted_key(key: ec.EllipticCurvePrivateKey, password: bytes) -> bytes:
    """The PEM text of a `cosign.key` file."""
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    salt, nonce = secrets.token_bytes(32), secrets.token_bytes(SecretBox.NONCE_SIZE)
    box = SecretBox(_stretched(password, salt, _COST, _BLOCK, _LANES))
    fields = {
        "kdf": {"name": "scrypt", "params": {"N": _COST, "r": _BLOCK, "p": _LANES}, "salt": _text(salt)},
        "cipher": {"name": "nacl/secretbox", "nonce": _text(nonce)},
        "ciphertext": _text(box.encrypt(plain, nonce).ciphertext),
    }
    body = _text(json.dumps(fields, separators=(",", ":")).encode())
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join([_BEGIN, *lines, _END, ""]).encode()


def decrypted_key(pem: bytes, password: bytes, where: str) -> ec.EllipticCurvePrivateKey:
    """Open a `cosign.key` file, or a PKCS#8 one; raises `KeyFileError` naming `where`."""
    der = _opened(_body(pem), password, where) if b" SIGSTORE " in pem or b" COSIGN " in pem else None
    try:
        key = (
            serialization.load_der_private_key(der, None)
            if der is not None
            else serialization.load_pem_private_key(pem, password)
        )
    except (ValueError, TypeError):
        raise KeyFileError(
            f"cannot open {where}: the password is wrong, or it is no encrypted private key",
            hint="The password comes from IMAGEKIT_KEY_PASSWORD, or from the file NAME.password beside the key.",
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyFileError(f"{where} is no ECDSA P-256 key", hint="`cosign generate-key-pair` makes one.")
    return key


def _body(pem: bytes) -> bytes:
    lines = [line.strip() for line in pem.decode("ascii", "replace").splitlines() if line.strip()]
    if len(lines) < 3 or (lines[0], lines[-1]) not in ((_BEGIN, _END), (_OLD_BEGIN, _OLD_END)):
        return b""
    return "".join(lines[1:-1]).encode()


def _opened(body: bytes, password: bytes, where: str) -> bytes:
    try:
        fields: Any = json.loads(base64.b64decode(body, validate=True))
        kdf, cipher = fields["kdf"], fields["cipher"]
        if kdf["name"] != "scrypt" or cipher["name"] != "nacl/secretbox":
            raise KeyFileError(f"{where} is encrypted in a way that is not known here")
        params = kdf["params"]
        key = _stretched(password, base64.b64decode(kdf["salt"]), int(params["N"]), int(params["r"]), int(params["p"]))
        return SecretBox(key).decrypt(base64.b64decode(fields["ciphertext"]), base64.b64decode(cipher["nonce"]))
    except CryptoError:
        raise KeyFileError(
            f"cannot open {where}: the password is wrong",
            hint="The password comes from IMAGEKIT_KEY_PASSWORD, or from the file cosign.password beside the key.",
        ) from None
    except (ValueError, KeyError, TypeError, MemoryError):
        raise KeyFileError(
            f"{where} is damaged: it does not read as a cosign key file",
            hint="Take it back from its backup. Without one make another:\n"
            "  a key of trust.yaml by `imagekit keys rotate OLD --new NEW`;\n"
            "  the project's own by `rm .imagekit/keys/cosign.*` and the next run, and then\n"
            "  what the old one signed counts no more until it is published again.",
        ) from None


def _stretched(password: bytes, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=cost, r=block, p=lanes, maxmem=_MOST_MEMORY, dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
