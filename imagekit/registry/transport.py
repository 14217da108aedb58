"""HTTP to one registry: retries, redirects, credentials that never leave their host. The connections are urllib3's."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError, ProxyError

from imagekit.base.log import progress
from imagekit.registry.address import Lead, Place, Target, led_to, registry_place
from imagekit.registry.answer import Answer, certificate_problem, words
from imagekit.registry.auth import authorization, parse_challenges
from imagekit.registry.connections import pool_for
from imagekit.registry.credentials import Credentials
from imagekit.registry.errors import (
    AccessDeniedError,
    InsecureAddressError,
    RegistryError,
    RegistryUnavailableError,
    TransientError,
)
from imagekit.registry.storage import require_writable
from imagekit.registry.timeouts import Timeouts

T = TypeVar("T")
_REDIRECTS = 5
REDIRECT_STATUSES = (301, 302, 303, 307, 308)
_PASSING_STATUSES = (408, 425, 429, 500, 502, 503, 504)


# What takes no upload at all answers so; 507 is "Insufficient Storage".
_REFUSALS = (405, 507)
_WRITES = ("POST", "PUT", "PATCH")


UNAVAILABLE = "Is the registry running? Running the same command again goes on where this one stopped."
_UNRESOLVED = (
    "Is the name right (`registry:` in imagekit.yaml), and can this host look it up? `getent hosts {host}` says."
)


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent: its length in bytes, and a function that yields it anew for each try."""

    length: int
    chunks: Callable[[], Iterable[bytes]]

    @classmethod
    def of(cls, data: bytes) -> Body:
        """Bytes in memory."""
        return cls(len(data), lambda: (data,))


class Transport:
    """Exchanges with one registry, from any thread; `observe` is told method and path of each before."""

    def __init__(
        self,
        address: str,
        *,
        credentials: Credentials | None = None,
        tls: bool | None = None,
        timeouts: Timeouts | None = None,
        observe: Callable[[str, str], None] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.address = address
        self.place = registry_place(address, tls=tls)
        self.timeouts = timeouts or Timeouts()
        self._credentials = credentials
        self._observe = observe
        self._environ = environ
        self.whole_blobs = False  # learnt: this registry loses pieces of a blob, see `upload`
        self._grants: dict[str, str] = {}
        self._pools: dict[Place, urllib3.HTTPConnectionPool] = {}
        self._guard = threading.Lock()

    def retrying(self, what: str, work: Callable[[], T]) -> T:
        """Do `work` until it does not fail in passing; raises `RegistryUnavailableError` naming `what`."""
        import tenacity

        timeouts = self.timeouts
        retries = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(timeouts.attempts),
            wait=tenacity.wait_random_exponential(multiplier=timeouts.first_pause, max=timeouts.longest_pause),
            retry=tenacity.retry_if_exception_type(TransientError),
            before_sleep=lambda _: progress(f"registry {self.address}: {what} failed in passing, trying again"),
            reraise=True,
        )
        try:
            return retries(work)
        except TransientError as error:
            raise RegistryUnavailableError(
                f"registry {self.address}: {what}: {error} (tried {timeouts.attempts} times)",
                hint=self._advice(str(error)),
            ) from error

    def _advice(self, said: str) -> str:
        """What to do about a registry that cannot be reached; urllib3 says so of a name that is not found."""
        host = self.address.partition(":")[0]
        return _UNRESOLVED.format(host=host) if "Failed to resolve" in said else UNAVAILABLE

    def pause(self, failures: int) -> None:
        """Wait before the next try, longer after each failure."""
        time.sleep(min(self.timeouts.longest_pause, self.timeouts.first_pause * 2**failures))

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
    ) -> Iterator[Answer]:
        """One request and its answer, whose body the block reads; redirects of GET and HEAD are followed.

        With `leave=False` a redirect to another place is not followed; the block gets it as the answer.
        `scope` names what a token is kept for (the repository). Raises `TransientError`, `AccessDeniedError`.
        """
        answer = self._answer(method, target, scope, headers or {}, body, leave)
        try:
            yield answer
        finally:
            answer.end()

    def target(self, path: str) -> Target:
        """What lies under a path at the registry itself."""
        return Target(self.place, path)

    def close(self) -> None:
        """Close the connections of all threads; none of them may be in use."""
        with self._guard:
            while self._pools:
                self._pools.popitem()[1].close()

    def _answer(
        self, method: str, target: Target, scope: str, headers: Mapping[str, str], body: Body | None, leave: bool
    ) -> Answer:
        """The answer at the end of all redirects."""
        asked = target
        for _ in range(_REDIRECTS):
            answer = self._authorized(method, asked, scope, headers, body)
            if answer.status not in REDIRECT_STATUSES or method not in ("GET", "HEAD"):
                return answer
            location = answer.headers.get("Location", "")
            if not leave and not self._at_home(location, asked):
                return answer
            answer.end()
            asked = led_to(location, asked, self.place, Lead.REDIRECT, self._environ)
        raise RegistryError(f"registry {self.address}: {method} {target.shown}: redirects without an end")

    def _at_home(self, location: str, asked: Target) -> bool:
        try:
            return led_to(location, asked, self.place, Lead.REDIRECT, self._environ).place == self.place
        except (InsecureAddressError, RegistryError):
            return False

    def _authorized(
        self, method: str, target: Target, scope: str, headers: Mapping[str, str], body: Body | None
    ) -> Answer:
        """Send with what was granted before; on a 401 from the registry itself ask for a grant, once."""
        at_home = target.place == self.place
        granted = {"Authorization": self._grants[scope]} if at_home and scope in self._grants else {}
        answer = self._send(method, target, {**headers, **granted}, body)
        if answer.status == 401 and at_home:
            challenges = parse_challenges(answer.headers.getlist("WWW-Authenticate"))
            answer.end()
            grant = authorization(challenges, target, self._credentials, self._fetch_token)
            self._grants[scope] = grant
            answer = self._send(method, target, {**headers, "Authorization": grant}, body)
        try:
            self._require_usable(answer, method, target)
        except BaseException:
            answer.end()
            raise
        return answer

    def _require_usable(self, answer: Answer, method: str, target: Target) -> None:
        """Raise for what is an error whatever was asked: no rights, no disk space, a failure in passing."""
        if answer.status in (401, 403):
            raise AccessDeniedError(
                f"registry {self.address} does not allow {method} {target.shown}: {answer.said()}",
                hint=f"Check the account's rights and `docker login {self.address}`.",
            )
        if answer.status in _PASSING_STATUSES or (answer.status in _REFUSALS and method in _WRITES):
            detail = answer.said()
            require_writable(self.address, answer.status, detail)
            raise TransientError(f"{method} {target.shown}: {detail}")

    def _send(self, method: str, target: Target, headers: Mapping[str, str], body: Body | None) -> Answer:
        if self._observe is not None:
            self._observe(method, target.path)
        length = {"Content-Length": str(body.length if body else 0)} if method in ("POST", "PUT", "PATCH") else {}
        try:
            response = self._pool(target.place).urlopen(
                method,
                target.path,
                body=body.chunks() if body else None,
                headers={"User-Agent": "imagekit", **headers, **length},
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
        except (HTTPError, OSError) as error:
            raise self._failure(f"{method} {target.shown}", target.place, error) from error
        return Answer(response, self.timeouts, (*self._secrets(), *target.secrets))

    def _failure(self, what: str, place: Place, error: Exception) -> Exception:
        """What a failed exchange is: a refused certificate, a proxy that wants a password, or a failure in passing."""
        refused = certificate_problem(error)
        if refused is not None:
            return InsecureAddressError(
                f"the certificate of {place} is not accepted: {refused.verify_message}",
                hint="Its CA goes into the system's store, the file that SSL_CERT_FILE names, or docker's folder "
                f"/etc/docker/certs.d/{place.authority}.",
            )
        if isinstance(error, ProxyError) and "407" in words(error):
            return AccessDeniedError(
                f"the proxy on the way to {place} wants a password: {words(error)}",
                hint="Write HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT, or name the registry in NO_PROXY.",
            )
        through = " (through the proxy of HTTPS_PROXY)" if isinstance(error, ProxyError) else ""
        return TransientError(f"{what}: {words(error)}{through}")

    def _fetch_token(self, target: Target, headers: Mapping[str, str], form: Mapping[str, str] | None) -> bytes:
        method, body = "GET", None
        if form is not None:
            method, body = "POST", Body.of(urlencode(form).encode())
            headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        answer = self._send(method, target, headers, body)
        try:
            if answer.status in _PASSING_STATUSES:
                raise TransientError(f"token server {target.place}: {answer.said()}")
            if answer.status != 200:
                raise AccessDeniedError(
                    f"the token server {target.place} of registry {self.address} refuses: {answer.said()}",
                    hint=f"Check the password: `docker login {self.address}`.",
                )
            return answer.small(what=f"the token server {target.place}")
        finally:
            answer.end()

    def _pool(self, place: Place) -> urllib3.HTTPConnectionPool:
        with self._guard:
            if place not in self._pools:
                self._pools[place] = pool_for(place, self.timeouts, self._environ)
            return self._pools[place]

    def _secrets(self) -> tuple[str, ...]:
        """What was sent and must not be shown when it comes back."""
        given = self._credentials.secrets() if self._credentials is not None else ()
        return (*given, *(grant.partition(" ")[2] for grant in self._grants.values()))
