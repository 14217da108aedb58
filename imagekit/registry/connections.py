"""Connections to one server, pooled by urllib3: its proxy, its certificates, and limits of time."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPException
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from imagekit.registry.address import Place
from imagekit.registry.certificates import context_for
from imagekit.registry.proxy import proxy_for
from imagekit.registry.timeouts import Timeouts
from imagekit.registry.watchdog import WATCHDOG

_KEPT = 8  # connections of one place that wait for their next use


def pool_for(place: Place, timeouts: Timeouts, environ: Mapping[str, str]) -> urllib3.HTTPConnectionPool:
    """A pool of connections to a place; raises `ConfigError` for a proxy or a certificate that cannot be used."""
    options: dict[str, Any] = {"maxsize": _KEPT, "retries": False}
    if place.scheme == "http":
        return _timed(urllib3.HTTPConnectionPool(place.host, place.port, **options), _Plain, timeouts)
    options["ssl_context"] = context_for(place, environ)
    proxy = proxy_for(place, environ)
    if proxy is None:
        return _timed(urllib3.HTTPSConnectionPool(place.host, place.port, **options), _Tls, timeouts)
    login = base64.b64encode(proxy.login.encode()).decode()  # UTF-8 (RFC 7617), where urllib3 knows Latin-1 alone
    headers = {"proxy-authorization": f"Basic {login}"} if proxy.login else {}
    manager = urllib3.ProxyManager(str(proxy.place), proxy_headers=headers, **options)
    return _timed(manager.connection_from_host(place.host, place.port, scheme="https"), _Tls, timeouts)


def _timed(
    pool: urllib3.HTTPConnectionPool, kind: type[_Plain | _Tls], timeouts: Timeouts
) -> urllib3.HTTPConnectionPool:
    pool.timeout = urllib3.Timeout(connect=timeouts.connect, read=timeouts.silence)
    pool.ConnectionCls = partial(kind, limits=timeouts)  # type: ignore[assignment]  # it is only ever called
    return pool


class _InTime(HTTPConnection):
    """A connection that has to be made, and whose answers have to begin, in time."""

    def __init__(self, *args: Any, limits: Timeouts, **options: Any) -> None:
        super().__init__(*args, **options)
        self._limits = limits

    def connect(self) -> None:
        """Connect, through the proxy where there is one; from then on the limit is that for silence."""
        with _in_time(self, self._limits.connect + self._limits.answer, "the connection was not made"):
            super().connect()
        self.sock.settimeout(self._limits.silence)

    def getresponse(self) -> Any:
        """The head of the answer, whole within the limit: `silence` alone would let it come byte by byte for ever."""
        with _in_time(self, self._limits.answer, "the head of the answer was not complete"):
            return super().getresponse()


class _Plain(_InTime):
    """Over TCP alone."""


class _Tls(_InTime, HTTPSConnection):
    """Over TLS: every `super()` above goes on to HTTPSConnection."""


@contextmanager
def _in_time(connection: HTTPConnection, seconds: float, words: str) -> Iterator[None]:
    """Cut the connection when the block takes longer: it may sit in many reads, none of which is long."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        if connection.sock is not None:
            with suppress(OSError):  # shutdown of the plain socket: that of TLS would take it from the reader's hands
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    watch = WATCHDOG.after(seconds, cut)
    try:
        yield
    except (OSError, HTTPException, urllib3.exceptions.HTTPError) as error:
        if late.is_set():
            raise HTTPException(f"{words} after {seconds:.0f} s") from error
        raise
    finally:
        watch.cancel()
    if late.is_set():  # a head that was cut off between two lines looks like a whole one
        raise HTTPException(f"{words} after {seconds:.0f} s")
