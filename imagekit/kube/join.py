"""What a cluster says of a join token: from outside, with the token itself, and from inside, as an administrator."""

from __future__ import annotations

import base64
import http.client
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from cryptography import x509

from imagekit.base.text import one_line
from imagekit.config.jointoken import ANEW, Fault, JoinToken, Role, Wrong
from imagekit.kube.client import Api
from imagekit.kube.tls import trusting

_SECONDS = 10.0
_SKEW = timedelta(minutes=1)
_HTTPS = 443
# X509_V_ERR_CERT_NOT_YET_VALID, _CERT_HAS_EXPIRED, _HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH of openssl/x509_vfy.h
_TIMES = {9: "not valid yet", 10: "no longer valid"}
_NAMES = (62, 64)
_NAMESPACE = "kube-system"


def asked(token: JoinToken, *, now: datetime) -> tuple[Wrong, ...]:
    """Ask the API server as a node would that starts to join: one request, with the token, and nothing is changed."""
    parts = urlsplit(token.server)
    host, port = str(parts.hostname), parts.port or _HTTPS
    connection = http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=trusting(token.authority))
    try:
        connection.request("GET", "/version", headers={"Authorization": f"Bearer {token.bearer}"})
        answer = connection.getresponse()
    except ssl.SSLCertVerificationError as error:
        return (_unverified(token, host, port, error, now),)
    except (OSError, http.client.HTTPException) as error:
        return (_unreachable(token, error),)
    finally:
        connection.close()
    return (*_clock(answer.getheader("Date"), now), *_admitted(token, answer.status))


def registered(token: JoinToken, api: Api, *, now: datetime) -> tuple[Wrong, ...]:
    """Look the token up in its cluster, which only an administrator may. Raises `ApiError`, `ApiUnreachableError`."""
    secret = api.find("v1", "Secret", _NAMESPACE, f"bootstrap-token-{token.id}")
    anew = ANEW.format(role=token.role or Role.WORKER)
    if secret is None:
        return (
            Wrong(
                fault=Fault.EXPIRED,
                text=f"the cluster knows no token {token.id}: it has expired and was removed, or is of another cluster",
                hint=anew,
            ),
        )
    data = {
        name: base64.b64decode(value).decode("utf-8", "replace") for name, value in (secret.get("data") or {}).items()
    }
    return tuple(_of_secret(token, data, now, anew))


def _of_secret(token: JoinToken, data: dict[str, str], now: datetime, anew: str) -> Iterator[Wrong]:
    if data.get("token-secret") != token.secret:
        yield Wrong(fault=Fault.NOT_ADMITTED, text=f"the cluster's token {token.id} has another secret", hint=anew)
    if (until := _time(data.get("expiration", ""))) is not None and until <= now:
        yield Wrong(fault=Fault.EXPIRED, text=f"token {token.id} expired at {until:%Y-%m-%d %H:%M} UTC", hint=anew)
    if token.role is Role.WORKER and data.get("usage-bootstrap-authentication") != "true":
        yield Wrong(
            fault=Fault.WRONG_ROLE, text=f"the cluster's token {token.id} is not for the join of workers", hint=anew
        )


def _time(text: str) -> datetime | None:
    """RFC 3339, as Kubernetes writes it; None for no expiry."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _unreachable(token: JoinToken, error: Exception) -> Wrong:
    return Wrong(
        fault=Fault.UNREACHABLE,
        text=f"{token.server} does not answer: {one_line(str(error) or type(error).__name__)}",
        hint="Name, route, firewall, load balancer: ask from the node's own network.",
    )


def _unverified(token: JoinToken, host: str, port: int, error: ssl.SSLCertVerificationError, now: datetime) -> Wrong:
    shown = _presented(host, port)
    if (when := _TIMES.get(error.verify_code)) is not None:
        return Wrong(
            fault=Fault.CLOCK,
            text=f"a certificate of {token.server} is {when} at {now:%Y-%m-%d %H:%M} UTC{shown}",
            hint="Compare the clock (`timedatectl`); if it is right, the cluster's certificates have to be renewed.",
        )
    if error.verify_code in _NAMES:
        return Wrong(
            fault=Fault.SERVER,
            text=f"the certificate of {token.server} is not for {host}{shown}",
            hint="Add the name to `spec.api.sans` of k0s.yaml, or make the token with another address.",
        )
    return Wrong(
        fault=Fault.WRONG_AUTHORITY,
        text=f"{token.server} shows a certificate that the token's authority did not sign{shown}",
        hint="The token is of another cluster, the cluster has a new authority, or a proxy intercepts TLS.",
    )


def _presented(host: str, port: int) -> str:
    """Whose certificate a server shows, unverified: for a message alone."""
    try:
        pem = ssl.get_server_certificate((host, port), timeout=_SECONDS)
        found = x509.load_pem_x509_certificate(pem.encode())
    except (OSError, ValueError):
        return ""
    until = f"{found.not_valid_before_utc:%Y-%m-%d} to {found.not_valid_after_utc:%Y-%m-%d}"
    return f" (issued by {found.issuer.rfc4514_string()!r}, valid {until})"


def _clock(date: str | None, now: datetime) -> Iterator[Wrong]:
    try:
        there = parsedate_to_datetime(date or "")
    except ValueError:
        return
    if abs(there - now) > _SKEW:
        yield Wrong(
            fault=Fault.CLOCK,
            text=f"the server's clock says {there:%Y-%m-%d %H:%M:%S}, this one {now:%Y-%m-%d %H:%M:%S} UTC",
            hint="`timedatectl` and `chronyc tracking` on both; certificates and tokens are judged by these clocks.",
        )


def _admitted(token: JoinToken, status: int) -> Iterator[Wrong]:
    if status == 401:
        yield Wrong(
            fault=Fault.NOT_ADMITTED,
            text=f"{token.server} does not know token {token.id} (401): expired, removed, or of another cluster",
            hint=ANEW.format(role=token.role or Role.WORKER),
        )
    elif status >= 500:
        yield Wrong(
            fault=Fault.UNREACHABLE,
            text=f"{token.server} answers with HTTP {status}",
            hint="Look at the control plane: `k0s status` on a controller, and its load balancer.",
        )
