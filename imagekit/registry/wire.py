"""HTTP to one registry on the standard library: retries, redirects, credentials that never leave their host."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from imagekit.base.log import progress
from imagekit.registry.address import Lead, Place, Target, led_to, registry_place
from imagekit.registry.answer import read_small, said
from imagekit.registry.auth import authorization, parse_challenges
from imagekit.registry.credentials import Credentials
from imagekit.registry.errors import (
    AccessDeniedError,
    InsecureAddressError,
    RegistryError,
    RegistryUnavailableError,
    TransientError,
)
from imagekit.registry.storage import demand_writable

T = TypeVar("T")
_REDIRECTS = 5
_REDIRECT_STATUSES = (301, 302, 303, 307, 308)
_PASSING_STATUSES = (408, 425, 429, 500, 502, 503, 504)


# What takes no upload at all answers so; 507 is "Insufficient Storage".
_REFUSALS = (405, 507)
_WRITES = ("POST", "PUT", "PATCH")


UNAVAILABLE = "Is the registry running? Running the same command again goes on where this one stopped."


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to hope: tries, first and longest pause between them, seconds without a byte or for a small answer."""

    attempts: int = 6
    first_pause: float = 0.25
    longest_pause: float = 5.0
    silence: float = 60.0
    answer: float = 120.0


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent: its length in bytes, and a function that yields it anew for each try."""

    length: int
    chunks: Callable[[], Iterable[bytes]]

    @classmethod
    def of(cls, data: bytes) -> Body:
        """Bytes in memory."""
        return cls(len(data), lambda: (data,))


class Wire:
    """Exchanges with one registry, one at a time in a thread; `observe` is told method and path of each before."""

    def __init__(
        self,
        address: str,
        *,
        credentials: Credentials | None = None,
        tls: bool | None = None,
        patience: Patience | None = None,
        observe: Callable[[str, str], None] | None = None,
    ) -> None:
        self.address = address
        self.place = registry_place(address, tls=tls)
        self.patience = patience or Patience()
        self._credentials = credentials
        self._observe = observe
        self._grants: dict[str, str] = {}
        # One for each thread and place; a thread that got the number of an ended one goes on with its connection.
        self._connections: dict[tuple[int, Place], http.client.HTTPConnection] = {}

    def retrying(self, what: str, work: Callable[[], T]) -> T:
        """Do `work` until it does not fail in passing; raises `RegistryUnavailableError` naming `what`."""
        import tenacity

        patience = self.patience
        retries = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(patience.attempts),
            wait=tenacity.wait_random_exponential(multiplier=patience.first_pause, max=patience.longest_pause),
            retry=tenacity.retry_if_exception_type(TransientError),
            before_sleep=lambda _: progress(f"registry {self.address}: {what} failed in passing, trying again"),
            reraise=True,
        )
        try:
            return retries(work)
        except TransientError as error:
            raise RegistryUnavailableError(
                f"registry {self.address}: {what}: {error} (tried {patience.attempts} times)",
                hint=UNAVAILABLE,
            ) from error

    def pause(self, failures: int) -> None:
        """Wait before the next try, longer after each failure."""
        time.sleep(min(self.patience.longest_pause, self.patience.first_pause * 2**failures))

    @contextmanager
    def exchange(
        self,
        method: str,
        target: Target,
        *,
        scope: str,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        leave: bool = True,
    ) -> Iterator[http.client.HTTPResponse]:
        """One request and its answer, whose body the block reads; redirects of GET and HEAD are followed.

        With `leave=False` a redirect to another place is not followed; the block gets it as the answer.
        `scope` names what a token is kept for (the repository). Raises `TransientError`, `AccessDeniedError`.
        """
        asked, answer = target, None
        try:
            for _ in range(_REDIRECTS):
                answer = self._authorized(method, asked, scope, headers or {}, body)
                if answer.status not in _REDIRECT_STATUSES or method not in ("GET", "HEAD"):
                    break
                location = answer.headers.get("Location", "")
                if not leave and not self._at_home(location, asked):
                    break
                self._drop(asked.place)
                asked = led_to(location, asked, self.place, Lead.REDIRECT)
            else:
                raise RegistryError(f"registry {self.address}: {method} {target.path}: redirects without an end")
            yield answer
            if not answer.isclosed() and answer.length == 0:
                answer.read()
            if not answer.isclosed():
                self._drop(asked.place)
        except (OSError, http.client.HTTPException) as error:
            self._drop(asked.place)
            raise TransientError(f"the answer broke off ({_words(error)})") from error
        except BaseException:
            self._drop(asked.place)
            raise
        finally:
            if answer is not None:  # one that ends with its connection holds the socket itself
                answer.close()

    def target(self, path: str) -> Target:
        """What lies under a path at the registry itself."""
        return Target(self.place, path)

    def close(self) -> None:
        """Close the connections of all threads; none of them may be in use."""
        while self._connections:
            self._connections.popitem()[1].close()

    def _at_home(self, location: str, asked: Target) -> bool:
        try:
            return led_to(location, asked, self.place, Lead.REDIRECT).place == self.place
        except (InsecureAddressError, RegistryError):
            return False

    def _authorized(
        self, method: str, target: Target, scope: str, headers: Mapping[str, str], body: Body | None
    ) -> http.client.HTTPResponse:
        """Send with what was granted before; on a 401 from the registry itself ask for a grant, once."""
        at_home = target.place == self.place
        granted = {"Authorization": self._grants[scope]} if at_home and scope in self._grants else {}
        answer = self._send(method, target, {**headers, **granted}, body)
        if answer.status == 401 and at_home:
            challenges = parse_challenges(answer.headers.get_all("WWW-Authenticate", []))
            read_small(answer, self.patience)
            grant = authorization(challenges, target, self._credentials, self._fetch_token)
            self._grants[scope] = grant
            answer = self._send(method, target, {**headers, "Authorization": grant}, body)
        if answer.status in (401, 403):
            detail = said(answer, self.patience)
            self._drop(target.place)
            raise AccessDeniedError(
                f"registry {self.address} does not allow {method} {target.path}: {detail}",
                hint=f"Check the account's rights and `docker login {self.address}`.",
            )
        if answer.status in _PASSING_STATUSES or (answer.status in _REFUSALS and method in _WRITES):
            detail = said(answer, self.patience)
            self._drop(target.place)
            demand_writable(self.address, answer.status, detail)
            raise TransientError(f"{method} {target.path}: {detail}")
        return answer

    def _send(
        self, method: str, target: Target, headers: Mapping[str, str], body: Body | None
    ) -> http.client.HTTPResponse:
        if self._observe is not None:
            self._observe(method, target.path)
        connection = self._connection(target.place)
        length = {"Content-Length": str(body.length if body else 0)} if method in ("POST", "PUT", "PATCH") else {}
        try:
            self._put(connection, method, target, {"User-Agent": "imagekit", **headers, **length}, body)
            return connection.getresponse()
        except ssl.SSLCertVerificationError as error:
            self._drop(target.place)
            raise InsecureAddressError(
                f"the certificate of {target.place} is not accepted: {error.verify_message}",
                hint="Its CA goes into the system's store, or into the file that SSL_CERT_FILE names.",
            ) from None
        except (OSError, http.client.HTTPException) as error:
            self._drop(target.place)
            raise TransientError(f"{method} {target.path}: {_words(error)}") from error
        except BaseException:
            self._drop(target.place)
            raise

    def _put(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: Target,
        headers: Mapping[str, str],
        body: Body | None,
    ) -> None:
        connection.putrequest(method, target.path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            for chunk in body.chunks() if body else ():
                connection.send(chunk)
        except (BrokenPipeError, ConnectionResetError):
            return  # the server may have answered early (no space, no rights); its answer says why

    def _fetch_token(self, target: Target, headers: Mapping[str, str], form: Mapping[str, str] | None) -> bytes:
        method, body = "GET", None
        if form is not None:
            method, body = "POST", Body.of(urlencode(form).encode())
            headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        answer = self._send(method, target, headers, body)
        if answer.status in _PASSING_STATUSES:
            raise TransientError(f"token server {target.place}: {said(answer, self.patience)}")
        if answer.status != 200:
            raise AccessDeniedError(
                f"the token server {target.place} of registry {self.address} refuses: {said(answer, self.patience)}",
                hint=f"Check the password: `docker login {self.address}`.",
            )
        return read_small(answer, self.patience)

    def _connection(self, place: Place) -> http.client.HTTPConnection:
        mine = (threading.get_ident(), place)
        known = self._connections.get(mine)
        if known is not None:
            return known
        silence = self.patience.silence
        made: http.client.HTTPConnection = (
            http.client.HTTPSConnection(place.host, place.port, timeout=silence, context=ssl.create_default_context())
            if place.scheme == "https"
            else http.client.HTTPConnection(place.host, place.port, timeout=silence)
        )
        self._connections[mine] = made
        return made

    def _drop(self, place: Place) -> None:
        connection = self._connections.pop((threading.get_ident(), place), None)
        if connection is not None:
            connection.close()


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
