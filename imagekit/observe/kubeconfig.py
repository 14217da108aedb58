"""A kubeconfig: which API server, trusted how, and as whom; what would skip a check or start a program is refused.

https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

from __future__ import annotations

import base64
import binascii
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagekit.base.errors import ConfigError
from imagekit.config.yamlfile import read_yaml


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where an API server is, and what authenticates both sides; the token is never shown."""

    server: str
    context: ssl.SSLContext = field(repr=False)
    token: str = field(default="", repr=False)


def read_kubeconfig(path: Path, context: str = "") -> Cluster:
    """The cluster of the current (or the named) context; raises `ConfigError`."""
    data = read_yaml(path).data
    if not isinstance(data, dict):
        raise ConfigError(f"{path} is no kubeconfig")
    name = context or str(data.get("current-context") or "")
    chosen = _named(data, "contexts", name, path).get("context") or {}
    cluster = _named(data, "clusters", str(chosen.get("cluster")), path).get("cluster") or {}
    user = _named(data, "users", str(chosen.get("user")), path).get("user") or {}
    server = str(cluster.get("server") or "")
    if not server.startswith("https://"):
        raise ConfigError(f"{path}: the server {server!r} is not reached by https")
    _require_plain(path, cluster, user)
    return Cluster(server.rstrip("/"), _ssl(path, cluster, user), _token(path, user))


def _named(data: Mapping[str, Any], kind: str, name: str, path: Path) -> dict[str, Any]:
    for each in data.get(kind) or ():
        if isinstance(each, dict) and each.get("name") == name:
            return each
    raise ConfigError(f"{path}: {kind} has no {name!r}", hint="`kubectl config get-contexts` lists what there is.")


def _require_plain(path: Path, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> None:
    if cluster.get("insecure-skip-tls-verify"):
        raise ConfigError(
            f"{path}: insecure-skip-tls-verify: what an unknown server says is no observation",
            hint="Give certificate-authority-data.",
        )
    for key in ("exec", "auth-provider", "username"):
        if user.get(key):
            raise ConfigError(
                f"{path}: the user's {key} is not used here",
                hint="Give it an account with a token or a client certificate that may `get` and `list` nodes.",
            )


def _ssl(path: Path, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    authority = _content(path, cluster, "certificate-authority")
    if authority is None:
        raise ConfigError(f"{path}: the cluster has no certificate-authority-data")
    certificate, key = _content(path, user, "client-certificate"), _content(path, user, "client-key")
    try:
        made = ssl.create_default_context(cadata=authority.decode())
        if certificate is not None and key is not None:
            _load(made, certificate + b"\n" + key)
    except (ssl.SSLError, ValueError, OSError) as error:
        raise ConfigError(f"{path}: a certificate or key of it cannot be read ({type(error).__name__})") from None
    return made


def _load(context: ssl.SSLContext, pem: bytes) -> None:
    """Python reads a client's key from a file alone; this one is gone at once, and nobody else may read it."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)


def _content(path: Path, fields: Mapping[str, Any], name: str) -> bytes | None:
    inline, file = fields.get(f"{name}-data"), fields.get(name)
    try:
        if inline:
            return base64.b64decode(str(inline), validate=True)
        return (path.parent / str(file)).read_bytes() if file else None
    except (binascii.Error, OSError) as error:
        raise ConfigError(f"{path}: {name}: {error}") from None


def _token(path: Path, user: Mapping[str, Any]) -> str:
    if user.get("token"):
        return str(user["token"])
    file = user.get("tokenFile")
    try:
        return (path.parent / str(file)).read_text().strip() if file else ""
    except OSError as error:
        raise ConfigError(f"{path}: tokenFile: {error.strerror}") from None
