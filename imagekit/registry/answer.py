"""One answer of a registry: never longer than it may be, never waited for too long, shown without secrets."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import urllib3
from urllib3.exceptions import HTTPError

from imagekit.base.text import answered, one_line
from imagekit.registry.errors import RegistryError, TooLargeError, TransientError
from imagekit.registry.timeouts import Timeouts

CHUNK = 1 << 20
_SMALL_LIMIT = 1 << 20
_SHORTEST = 4  # a password of fewer characters would black out ordinary words


class Answer:
    """Status and headers of an answer, and its body, which can be read once."""

    def __init__(self, response: urllib3.BaseHTTPResponse, timeouts: Timeouts, secrets: Iterable[str] = ()) -> None:
        self._response, self._timeouts, self._secrets = response, timeouts, tuple(secrets)
        self.status = response.status
        self.headers = response.headers

    @property
    def length(self) -> int | None:
        """How many bytes the body still has to have; None when the answer does not say so."""
        return self._response.length_remaining

    def read(self, most: int) -> bytes:
        """What has come of the body, at most `most` bytes; nothing at its end. Raises `TransientError`."""
        try:
            return self._response.read1(most, decode_content=False)
        except (HTTPError, OSError) as error:
            raise TransientError(f"the answer broke off ({words(error)})") from error

    def small(self, *, limit: int = _SMALL_LIMIT, what: str = "an answer") -> bytes:
        """The whole body of at most `limit` bytes, within the time for small answers; raises `TooLargeError`.

        An answer that says to be longer is not read at all. `what` names it in errors.
        """
        _require_small(self.length or 0, limit, what)
        ends, parts, size = time.monotonic() + self._timeouts.answer, [], 0
        while chunk := self.read(CHUNK):
            parts.append(chunk)
            size += len(chunk)
            _require_small(size, limit, what)
            if time.monotonic() > ends:
                raise TransientError(f"the answer was not complete after {self._timeouts.answer:.0f} s")
        return b"".join(parts)

    def said(self) -> str:
        """What an error answer says, in one line of printable characters, without what was sent as a secret."""
        try:
            text = self.small().decode("utf-8", "replace")
        except (RegistryError, TooLargeError):
            text = ""
        return f"status {self.status} {one_line(without(text, self._secrets), 300)}".strip()

    def asked_pause(self) -> float:
        """How many seconds the next try shall wait: Retry-After, as a number or as a date (RFC 9110, 10.2.3)."""
        said = self.headers.get("Retry-After", "").strip()
        if said.isascii() and said.isdigit():
            return float(said[:9])
        dates = [found for header in (said, self.headers.get("Date", "")) for found in instant(header)]
        if not said or not dates:
            return 0.0
        asked, now = dates[0], dates[1] if len(dates) > 1 else datetime.now(UTC)
        return max(0.0, (asked - now).total_seconds())

    def end(self) -> None:
        """Keep the connection when the body was read, close it otherwise."""
        if self.length == 0:
            self._response.drain_conn()
        else:
            self._response.close()
        self._response.release_conn()


def instant(header: str) -> list[datetime]:
    """The moment in a Date header (RFC 9110, in GMT); none when there is no such moment."""
    try:
        found = parsedate_to_datetime(header)
        return [found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)]
    except (ValueError, TypeError, OverflowError):
        return []


def _require_small(size: int, limit: int, what: str) -> None:
    if size > limit:
        raise TooLargeError(
            f"{what}: the answer is larger than the {limit} bytes that it may have, so it was not read",
            hint="The registry, or something before it, is broken or hostile: ask whoever runs it.",
        )


def without(text: str, secrets: Iterable[str]) -> str:
    """What a server says without these secrets, plain or quoted for an address, and without others of known form."""
    for secret in sorted(secrets, key=len, reverse=True):
        for form in {secret, quote(secret, safe="")} if len(secret) >= _SHORTEST else ():
            text = text.replace(form, "[not shown]")
    return answered(text)


def words(error: BaseException) -> str:
    """What an error of the connection says at its root, without urllib3's wrapping."""
    inner = [each for each in error.args if isinstance(each, BaseException)]
    if inner:
        return words(inner[-1])
    text = str(error).rpartition("): ")[2] or str(error)
    return text or type(error).__name__


def certificate_problem(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """The refusal of a certificate below an error, if that is what it is."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, ssl.SSLCertVerificationError):
            return each
        if isinstance(each, BaseException) and each not in seen:
            seen.append(each)
            waiting += [*(arg for arg in each.args if isinstance(arg, BaseException)), each.__cause__, each.__context__]
    return None
