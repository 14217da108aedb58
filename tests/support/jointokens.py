"""Join tokens as k0s makes them, and such as people make of them."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SECRET = "0123456789abcdef"
BOOTSTRAP = f"abcdef.{SECRET}"
SERVER = "https://k0s.example.com:6443"


def authority(name: str = "kubernetes-ca", *, days: int = 3650, since: int = 1) -> bytes:
    """A certificate of an authority, PEM; it began `since` days ago and lasts `days` from then."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    began = datetime.now(UTC) - timedelta(days=since)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def kubeconfig(
    *, server: str = SERVER, user: str = "kubelet-bootstrap", token: str = BOOTSTRAP, ca: bytes = b"", **cluster: Any
) -> dict[str, Any]:
    """What k0s packs: one cluster, one context and one user; `cluster` overrides keys of the cluster."""
    data = {"server": server, "certificate-authority-data": base64.b64encode(ca or authority()).decode(), **cluster}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "k0s", "cluster": {name: value for name, value in data.items() if value is not None}}],
        "contexts": [{"name": "k0s", "context": {"cluster": "k0s", "user": user}}],
        "current-context": "k0s",
        "preferences": {},
        "users": [{"name": user, "user": {"token": token}}],
    }


def packed(config: dict[str, Any] | bytes) -> str:
    """The text of a token file."""
    data = config if isinstance(config, bytes) else json.dumps(config).encode()
    return base64.b64encode(gzip.compress(data, 9)).decode()


def join_token(**changes: Any) -> str:
    """A token, right unless something is changed; see `kubeconfig`."""
    return packed(kubeconfig(**changes))
