"""HTTP to one registry: retries, redirects, credentials that never leave their host. The connections are urllib3's."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError

from imagekit.registry.address import Lead, Place, Target, led_to, registry_place
from imagekit.registry.answer import Answer
from imagekit.registry.auth import Challenge, authorization, parse_challenges
from imagekit.registry.connections import pool_for
from imagekit.registry.credentials import Credentials
from imagekit.registry.errors import (
    AccessDeniedError,
    InsecureAddressError,
    RegistryError,
    TransientError,
)
from imagekit.registry.failures import failure
from imagekit.registry.retry import retried
from imagekit.registry.storage import require_writable
from imagekit.registry.timeouts import Timeouts

T = TypeVar("T")
_REDIRECTS = 5
REDIRECT_STATUSES = (301, 302, 303, 307, 308)
_PASSING_STATUSES = (408, 425, 429, 500, 502, 503, 504)


# What takes no upload at all answers so; 507 is "Insufficient Storage".
_REFUSALS = (405, 507)
_WRITES = ("POST", "PUT", "PATCH")
_ROOT = "/v2/"


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
        credentials: Callable[[str], Credentials | None] = lambda scope: None,
        tls: bool | None = None,
        timeouts: Timeouts | None = None,
        observe: Callable[[str, str], None] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.address = address
        self.place = registry_place(address, tls=tls)
        self.timeouts = timeouts or Timeouts()
        self._credentials = credentials
        self._given: dict[str, Credentials | None] = {}
        self._observe = observe
        self._environ = environ
        self.whole_blobs = False  # learnt: this registry loses pieces of a blob, see `upload`
        self._grants: dict[str, str] = {}
        self._open: set[str] = set()  # scopes whose 404 is meant as it is said
        self._pools: dict[Place, urllib3.HTTPConnectionPool] = {}
        self._guard = threading.Lock()

    def retrying(self, what: str, work: Callable[[], T]) -> T:
        """Do `work` until it does not fail in passing; raises `RegistryUnavailableError` naming `what`."""
        return retried(self.address, self.timeouts, what, work)

    def pause(self, failures: int, asked_pause: float = 0.0) -> None:
        """Wait before the next try, longer after each failure, and no less than the registry wishes."""
        limits = self.timeouts
        usual = min(limits.longest_pause, limits.first_pause * 2**failures)
        time.sleep(max(min(asked_pause, limits.longest_wish), usual))

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
        challenges = self._asked_for(answer, target, scope) if at_home else ()
        if challenges:
            answer.end()
            grant = authorization(challenges, target, self._given_for(scope), self._fetch_token)
            self._grants[scope] = grant
            answer = self._send(method, target, {**headers, "Authorization": grant}, body)
        try:
            self._require_usable(answer, method, target)
        except BaseException:
            answer.end()
            raise
        return answer

    def _asked_for(self, answer: Answer, target: Target, scope: str) -> tuple[Challenge, ...]:
        """The challenges that an answer is to be tried again with; none for an answer that stands.

        Registries hide what one may not see: 404 or 403 without a word to who has not logged in, and a challenge at
        `/v2/` alone (https://github.com/distribution/distribution/issues/1984). So does a 401 without a challenge.
        """
        if answer.status == HTTPStatus.UNAUTHORIZED:
            found = parse_challenges(answer.headers.getlist("WWW-Authenticate"))
            return found or self._asked_at_root() or (Challenge(scheme="none that can be read"),)
        hidden = answer.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND) and scope not in self._grants
        if not hidden or scope in self._open or target.path == _ROOT:
            return ()
        found = self._asked_at_root() if self._given_for(scope) is not None else ()
        if not found:
            self._open.add(scope)
        return found

    def _asked_at_root(self) -> tuple[Challenge, ...]:
        answer = self._send("GET", self.target(_ROOT), {}, None)
        try:
            known = answer.status == HTTPStatus.UNAUTHORIZED
            return parse_challenges(answer.headers.getlist("WWW-Authenticate")) if known else ()
        finally:
            answer.end()

    def _given_for(self, scope: str) -> Credentials | None:
        """The credentials for a repository, looked up once and only when the registry asks for some."""
        if scope not in self._given:
            self._given[scope] = self._credentials(scope)
        return self._given[scope]

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
            raise TransientError(f"{method} {target.shown}: {detail}", after=answer.asked_pause())

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
            raise failure(f"{method} {target.shown}", target.place, error) from error
        return Answer(response, self.timeouts, (*self._secrets(), *target.secrets))

    def _fetch_token(self, target: Target, headers: Mapping[str, str], form: Mapping[str, str] | None) -> bytes:
        method, body = "GET", None
        if form is not None:
            method, body = "POST", Body.of(urlencode(form).encode())
            headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        answer = self._send(method, target, headers, body)
        try:
            if answer.status in _PASSING_STATUSES:
                raise TransientError(f"token server {target.place}: {answer.said()}", after=answer.asked_pause())
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
        given = [secret for each in self._given.values() if each is not None for secret in each.secrets()]
        return (*given, *(grant.partition(" ")[2] for grant in self._grants.values()))
