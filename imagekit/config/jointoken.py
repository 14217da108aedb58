"""A join token of k0s: a kubeconfig with a bootstrap token, packed with gzip and written as base64.

Read as k0s reads it (k0s v1.36, pkg/token and cmd/worker): the text is Go's standard base64, where line breaks are
passed over and any other blank is an error; the name of the user says for which role the token is. Whatever is wrong
is said without the secret: only the id of the bootstrap token, which Kubernetes treats as public, is ever shown.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from imagekit.base.errors import RefusedError

if TYPE_CHECKING:
    from cryptography import x509

_LIMIT = 1 << 20  # bytes; a kubeconfig with a chain of authorities has a few thousand
_GZIP = zlib.MAX_WBITS | 16
_BOOTSTRAP = re.compile(r"(?P<id>[a-z0-9]{6})\.(?P<secret>[a-z0-9]{16})")
_LOOPBACK = ("localhost", "127.", "[::1]", "::1", "0.0.0.0")
_JOIN_PORT = 9443  # where controllers are asked by controllers; workers ask the API server
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Role(StrEnum):
    """What a node becomes by its token."""

    WORKER = "worker"
    CONTROLLER = "controller"


_USERS = {"kubelet-bootstrap": Role.WORKER, "controller-bootstrap": Role.CONTROLLER}


class Fault(StrEnum):
    """Why k0s would not take a token, or would never get in with it."""

    NOT_BASE64 = "not-base64"
    NOT_GZIP = "not-gzip"
    NOT_KUBECONFIG = "not-kubeconfig"
    NO_BOOTSTRAP_TOKEN = "no-bootstrap-token"
    WRONG_ROLE = "wrong-role"
    NO_AUTHORITY = "no-authority"
    AUTHORITY_EXPIRED = "authority-expired"
    WRONG_AUTHORITY = "wrong-authority"
    SERVER = "server"
    UNREACHABLE = "unreachable"
    CLOCK = "clock"
    EXPIRED = "expired"
    NOT_ADMITTED = "not-admitted"


class JoinTokenError(RefusedError):
    """A text that k0s does not read as a token; `fault` says which of them."""

    def __init__(self, fault: Fault, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """One thing that is wrong with a token that can be read."""

    fault: Fault
    text: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinToken:
    """What a token says. `authority` is PEM; `secret` is never shown, `id` may be."""

    server: str
    user: str
    id: str
    authority: bytes = field(repr=False)
    secret: str = field(repr=False)

    @property
    def role(self) -> Role | None:
        """The role that its user's name stands for; None for a name that k0s does not know."""
        return _USERS.get(self.user)

    @property
    def bearer(self) -> str:
        """The bootstrap token itself; not for eyes or logs."""
        return f"{self.id}.{self.secret}"


ANEW = "Have it made anew: `k0s token create --role={role} --expiry=24h` on a controller, or a JoinTokenRequest."


def read_join_token(text: str) -> JoinToken:
    """What k0s would make of the content of a token file. Raises `JoinTokenError`."""
    config = _config(_unpacked(_decoded(text)))
    name = str(config.get("current-context") or "")
    context = _named(config, "contexts", "context", name)
    cluster = _named(config, "clusters", "cluster", str(context.get("cluster")))
    user = str(context.get("user"))
    found = _BOOTSTRAP.fullmatch(str(_named(config, "users", "user", user).get("token") or ""))
    if found is None:
        raise _error(
            Fault.NO_BOOTSTRAP_TOKEN,
            f"the user {user!r} of the token has no bootstrap token (6 characters, a dot, 16 characters)",
        )
    return JoinToken(
        server=str(cluster.get("server") or ""),
        user=user,
        id=found["id"],
        authority=_authority(cluster),
        secret=found["secret"],
    )


def wrong_with(
    token: JoinToken, *, now: datetime, role: Role = Role.WORKER, authority: bytes = b""
) -> tuple[Wrong, ...]:
    """Everything that a token alone shows to be wrong, for a node of a role, at a time (with zone).

    With `authority`, PEM of what signed the API server's certificate, the token's has to hold it.
    """
    return (*_role(token, role), *_server(token), *_certificates(token, now, authority))


def _decoded(text: str) -> bytes:
    # Go's decoder passes over \r and \n, and over nothing else.
    packed = text.replace("\r", "").replace("\n", "")
    if not packed:
        raise _error(Fault.NOT_BASE64, "the token is empty")
    try:
        return base64.b64decode(packed.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise _error(Fault.NOT_BASE64, f"not base64: {_looks(text)}") from None


def _looks(text: str) -> str:
    """What somebody may have put there instead; nothing of the text itself."""
    bare = text.strip()
    if bare.startswith(("apiVersion:", "kind:", "{")):
        return "a kubeconfig, not packed"
    if _BOOTSTRAP.fullmatch(bare):
        return "a bootstrap token alone"
    if bare.startswith("K10") and "::" in bare:
        return "a token of k3s"
    if bare != text.strip("\r\n"):
        return "blanks before or after it"
    return "cut short, or with other characters in it"


def _unpacked(data: bytes) -> bytes:
    packed = zlib.decompressobj(_GZIP)
    try:
        plain = packed.decompress(data, _LIMIT)
    except zlib.error:
        raise _error(Fault.NOT_GZIP, "base64, and not of something packed with gzip") from None
    if not packed.eof:
        what = "larger than 1 MiB unpacked" if packed.unconsumed_tail else "cut short"
        raise _error(Fault.NOT_GZIP, f"base64 of gzip that is {what}")
    if packed.unused_data:
        raise _error(Fault.NOT_GZIP, "base64 of gzip with something behind it")
    return plain


def _config(data: bytes) -> Mapping[str, Any]:
    try:
        config = yaml.load(data.decode(), Loader=_Loader)
    except (UnicodeDecodeError, yaml.YAMLError):
        config = None
    if not isinstance(config, dict) or config.get("kind") != "Config":
        raise _error(Fault.NOT_KUBECONFIG, "what is packed in it is no kubeconfig (kind: Config)")
    return config


def _named(config: Mapping[str, Any], group: str, key: str, name: str) -> Mapping[str, Any]:
    entries = config.get(group)
    for each in entries if isinstance(entries, list) else ():
        if isinstance(each, dict) and each.get("name") == name and isinstance(each.get(key), dict):
            found: Mapping[str, Any] = each[key]
            return found
    raise _error(Fault.NOT_KUBECONFIG, f"the kubeconfig in it has no {key} for its current context")


def _authority(cluster: Mapping[str, Any]) -> bytes:
    if cluster.get("insecure-skip-tls-verify"):
        raise _error(Fault.NO_AUTHORITY, "the token verifies no server (insecure-skip-tls-verify)")
    if cluster.get("certificate-authority"):
        raise _error(Fault.NO_AUTHORITY, "the token names its authority by a path, which no node has")
    try:
        data = base64.b64decode(str(cluster.get("certificate-authority-data") or ""), validate=True)
        _read(data)
    except ValueError:
        raise _error(Fault.NO_AUTHORITY, "the token holds no certificate of an authority") from None
    return data


def _error(fault: Fault, message: str) -> JoinTokenError:
    return JoinTokenError(fault, message, hint=ANEW.format(role=Role.WORKER))


def _role(token: JoinToken, role: Role) -> Iterator[Wrong]:
    if token.role is not role:
        meant = f"a {token.role}" if token.role else "neither role"
        yield Wrong(
            fault=Fault.WRONG_ROLE,
            text=f"a token for {meant} (user {token.user!r}), and the node is to be a {role}: "
            "k0s ends with 'wrong token type'",
            hint=ANEW.format(role=role),
        )


def _server(token: JoinToken) -> Iterator[Wrong]:
    hint = "The address is `spec.api.externalAddress` of k0s.yaml, or that of the control plane's Service."
    try:
        parts = urlsplit(token.server)
        port = parts.port
    except ValueError:
        yield Wrong(fault=Fault.SERVER, text=f"the server {token.server!r} is no address", hint=hint)
        return
    host = parts.hostname or ""
    if parts.scheme != "https" or not host:
        yield Wrong(fault=Fault.SERVER, text=f"the server {token.server!r} is no https address", hint=hint)
    elif host.startswith(_LOOPBACK):
        yield Wrong(fault=Fault.SERVER, text=f"the server {token.server} is the node itself", hint=hint)
    elif token.role is Role.WORKER and port == _JOIN_PORT:
        yield Wrong(
            fault=Fault.SERVER, text=f"{token.server} is where controllers join; a worker asks port 6443", hint=hint
        )


def _certificates(token: JoinToken, now: datetime, authority: bytes) -> Iterator[Wrong]:
    known = _read(token.authority)
    for each in known:
        if not each.not_valid_before_utc <= now <= each.not_valid_after_utc:
            yield Wrong(
                fault=Fault.AUTHORITY_EXPIRED,
                text=f"the authority {_shown(each)} is valid from {each.not_valid_before_utc:%Y-%m-%d %H:%M} to "
                f"{each.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, and it is {now:%Y-%m-%d %H:%M}",
                hint="Look at the clock first; then the cluster needs a new authority.",
            )
    wanted = _read(authority) if authority else []
    if wanted and not {_print(each) for each in wanted} & {_print(each) for each in known}:
        yield Wrong(
            fault=Fault.WRONG_AUTHORITY,
            text=f"the token trusts {', '.join(map(_shown, known))}, and the cluster's authority is "
            f"{', '.join(map(_shown, wanted))}: the token is of another cluster",
            hint=ANEW.format(role=token.role or Role.WORKER),
        )


def _read(data: bytes) -> list[x509.Certificate]:
    """Certificates out of PEM. Their reader is a tenth of a second's import, which those that ask for a role only
    (each run of checks) do not wait for."""
    from cryptography.x509 import load_pem_x509_certificates

    return load_pem_x509_certificates(data)


def _shown(certificate: x509.Certificate) -> str:
    return f"{certificate.subject.rfc4514_string() or 'without a name'!r} (SHA-256 {_print(certificate)[:16]})"


def _print(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.hashes import SHA256

    return certificate.fingerprint(SHA256()).hex()
