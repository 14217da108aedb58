"""Kubeconfig: which server, whose certificate, and who asks.

https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/; credential plugins are client.authentication.k8s.io/v1.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from imagekit.base.errors import ConfigError
from imagekit.base.process import run

_PLUGIN_SECONDS = 60.0
_API = "client.authentication.k8s.io/v1"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One server and one identity. all PEM; without `authority` the system's authorities count."""

    server: str
    authority: bytes = b""
    server_name: str = ""
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)
    token: str = field(default="", repr=False)
    namespace: str = "default"


def default_kubeconfig() -> Path:
    """What kubectl would read: the first file of KUBECONFIG, else ``~/.kube/config``."""
    named = [each for each in os.environ.get("KUBECONFIG", "").split(os.pathsep) if each]
    return Path(named[0]) if named else Path.home() / ".kube" / "config"


def read_kubeconfig(path: Path, context: str = "") -> Access:
    """The access of a context, by default the current one.

    Credential plugins are run; files are read as the config names them, beside it. Raises `ConfigError` for what is
    missing or cannot be read, and for a server that is not to be verified.
    """
    data = _load(path)
    name = context or str(data.get("current-context") or "")
    if not name:
        raise ConfigError(f"{path} has no current context", hint="Name one with --context.")
    chosen = _named(data, "contexts", "context", name, path)
    cluster = _named(data, "clusters", "cluster", str(chosen.get("cluster")), path)
    user = _named(data, "users", "user", str(chosen.get("user")), path)
    return Access(
        server=_server(cluster, path),
        authority=_bytes(cluster, "certificate-authority", path),
        server_name=str(cluster.get("tls-server-name") or ""),
        namespace=str(chosen.get("namespace") or "default"),
        **_identity(user, path),
    )


def _load(path: Path) -> Mapping[str, Any]:
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such kubeconfig", hint="Name one with --kubeconfig FILE.") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: no kubeconfig: {error}") from None
    if not isinstance(data, dict) or data.get("kind") != "Config":
        raise ConfigError(f"{path}: no kubeconfig (kind: Config)")
    return data


def _named(data: Mapping[str, Any], group: str, key: str, name: str, path: Path) -> Mapping[str, Any]:
    entries = data.get(group)
    for each in entries if isinstance(entries, list) else ():
        if isinstance(each, dict) and each.get("name") == name and isinstance(each.get(key), dict):
            found: Mapping[str, Any] = each[key]
            return found
    raise ConfigError(f"{path}: no {key} named {name!r} in {group}")


def _server(cluster: Mapping[str, Any], path: Path) -> str:
    server = str(cluster.get("server") or "").rstrip("/")
    if cluster.get("insecure-skip-tls-verify"):
        raise ConfigError(
            f"{path}: {server} is not to be verified (insecure-skip-tls-verify)",
            hint="Put the cluster's certificate-authority in; whoever answers would get the credentials.",
        )
    if urlsplit(server).scheme != "https":
        raise ConfigError(f"{path}: the server {server!r} is no https address")
    if cluster.get("proxy-url"):
        raise ConfigError(f"{path}: proxy-url is not supported", hint="Set HTTPS_PROXY instead.")
    return server


def _bytes(part: Mapping[str, Any], name: str, path: Path) -> bytes:
    """`name`-data in base64, or the file that `name` names, seen from the config."""
    try:
        if text := part.get(f"{name}-data"):
            return base64.b64decode(str(text), validate=True)
        return (path.parent / str(part[name])).read_bytes() if part.get(name) else b""
    except (OSError, binascii.Error) as error:
        raise ConfigError(f"{path}: {name}: {error}") from None


def _identity(user: Mapping[str, Any], path: Path) -> dict[str, Any]:
    if isinstance(plugin := user.get("exec"), dict):
        return _plugin(plugin, path)
    if user.get("auth-provider") or user.get("username"):
        raise ConfigError(f"{path}: auth-provider and passwords are gone from Kubernetes", hint="Use an exec plugin.")
    token = str(user.get("token") or "")
    if not token and user.get("tokenFile"):
        token = _bytes({"token": user["tokenFile"]}, "token", path).decode().strip()
    return {
        "certificate": _bytes(user, "client-certificate", path),
        "key": _bytes(user, "client-key", path),
        "token": token,
    }


def _plugin(plugin: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Run a credential plugin: what it says on stdout is an ExecCredential."""
    reported = {each["name"]: each["value"] for each in plugin.get("env") or ()}
    info = json.dumps({"apiVersion": _API, "kind": "ExecCredential", "spec": {"interactive": False}})
    argv = [str(plugin.get("command")), *(str(each) for each in plugin.get("args") or ())]
    done = run(argv, timeout=_PLUGIN_SECONDS, env={**reported, "KUBERNETES_EXEC_INFO": info})
    try:
        status = json.loads(done.stdout)["status"]
        return {
            "token": str(status.get("token") or ""),
            "certificate": str(status.get("clientCertificateData") or "").encode(),
            "key": str(status.get("clientKeyData") or "").encode(),
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(f"{path}: {argv[0]} printed no ExecCredential", hint=f"Run it: {' '.join(argv)}") from None
