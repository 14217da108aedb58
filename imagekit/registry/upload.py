"""Sending a blob: one session, pieces streamed from the source, resumed at the byte the registry has.

docker-registry 2.8.3 gives an upload up when a piece breaks off in its middle (its session token holds the offset of
the last whole piece); there the blob is sent anew, as the distribution specification allows. Amazon ECR answers a piece
with 201 in place of 202 and drops every piece after the first (https://github.com/aws/containers-roadmap/issues/2831);
there each blob is sent as one piece, as docker does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import quote, urlencode

from imagekit.base.errors import ImagekitError
from imagekit.registry.address import Lead, Target, led_to
from imagekit.registry.blobs import BlobSource, Meter, Outflow
from imagekit.registry.errors import AccessDeniedError, ReadOnlyError, RegistryError, StorageFullError, TransientError
from imagekit.registry.transport import Body, Transport

# What a resumed upload may lose; memory does not depend on it, as a piece is streamed in chunks of 1 MiB.
PIECE = 64 << 20
_TOO_LARGE = (
    f"Something before the registry bounds the size of a request; imagekit sends pieces of {PIECE >> 20} MiB. nginx: "
    'client_max_body_size 0; its ingress: the annotation nginx.ingress.kubernetes.io/proxy-body-size: "0".'
)
_RANGE = re.compile(r"(?:bytes=)?0-(\d+)")


def uploaded(transport: Transport, repository: str, source: BlobSource) -> int:
    """Send a blob and return the bytes sent (more than its size when pieces had to be sent again)."""
    upload = _Upload(transport, repository, source)
    try:
        transport.retrying(f"sending blob {source.digest.short} to {repository}", upload.run)
    except StorageFullError as error:
        upload.cancel()
        raise StorageFullError(
            f"{error}: blob {source.digest} of {repository} needs {source.size} bytes more", hint=error.hint
        ) from None
    except BaseException:
        upload.cancel()
        raise
    return upload.sent


def mounted(transport: Transport, repository: str, digest: str, origin: str) -> bool:
    """Ask for a blob of another repository; False when it has to be sent, as the right to read there may lack.

    A mount is a saving and never a need: whatever is answered, the blob can be sent
    (https://github.com/oras-project/oras/pull/1924). An upload that the registry opened in its place is dropped.
    """
    target = transport.target(f"/v2/{repository}/blobs/uploads/?{urlencode({'mount': digest, 'from': origin})}")

    def work() -> bool:
        with transport.exchange("POST", target, scope=repository) as answer:
            answer.small()
            location = answer.headers.get("Location", "") if answer.status == HTTPStatus.ACCEPTED else ""
            done = answer.status == HTTPStatus.CREATED
        if location:
            with suppress(ImagekitError):
                session = led_to(location, target, transport.place, Lead.UPLOAD)
                with transport.exchange("DELETE", session, scope=repository) as answer:
                    answer.small()
        return done

    try:
        return transport.retrying(f"mounting blob {digest} from {origin} to {repository}", work)
    except (AccessDeniedError, ReadOnlyError):
        return False


class _Upload:
    """One upload session; `run` may be called again after it failed in passing."""

    def __init__(self, transport: Transport, repository: str, source: BlobSource) -> None:
        self.sent = 0
        self._transport = transport
        self._repository = repository
        self._source = source
        self._outflow = Outflow(source)
        self._meter = Meter(f"sending {source.digest.short}", source.size)
        self._session: Target | None = None
        self._broken = False

    def run(self) -> None:
        """Send what the registry does not have yet, then name the whole by its digest."""
        offset = self._resume()
        self._broken = True
        piece = self._source.size if self._transport.whole_blobs else PIECE
        while offset < self._source.size:
            length = min(piece, self._source.size - offset)
            self._send_piece(offset, length)
            offset += length
        self._outflow.check()
        self._finish()
        self._broken = False

    def cancel(self) -> None:
        """Let the registry drop what it has of an upload that is given up: it would keep it for a week, or for ever."""
        if self._session is not None:
            with suppress(ImagekitError):
                self._known()  # a piece that broke off has made the session's address out of date
                with self._transport.exchange("DELETE", self._session, scope=self._repository) as answer:
                    answer.small()
        self._session = None

    def _resume(self) -> int:
        """The byte to go on at: asked of the registry after a failure, 0 in a new session."""
        if self._session is not None and self._broken:
            offset = self._known()
            if offset is not None and offset <= self._source.size:
                return offset
            self.cancel()
        return self._open()

    def _known(self) -> int | None:
        """How many bytes the registry says to have of this session; None when it has forgotten it."""
        assert self._session is not None
        with self._transport.exchange("GET", self._session, scope=self._repository) as answer:
            answer.small()
            if answer.status != 204:
                return None
            self._follow(answer.headers.get("Location"))
            known = _RANGE.fullmatch(answer.headers.get("Range", ""))
            # An empty session is written 0-0, just like one that holds a single byte.
            return int(known[1]) + 1 if known and known[1] != "0" else 0

    def _open(self) -> int:
        target = self._transport.target(f"/v2/{self._repository}/blobs/uploads/")
        with self._transport.exchange("POST", target, scope=self._repository) as answer:
            if answer.status != 202:
                raise self._unexpected("POST", target, answer.said())
            answer.small()
            self._session = target
            self._follow(answer.headers.get("Location"))
        return 0

    def _send_piece(self, offset: int, length: int) -> None:
        assert self._session is not None
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"{offset}-{offset + length - 1}",
        }
        body = Body(length, lambda: self._counted(offset, length))
        with self._transport.exchange(
            "PATCH", self._session, scope=self._repository, headers=headers, body=body
        ) as answer:
            if answer.status in (404, 416):
                self._lost(answer.status)
            if answer.status not in (201, 202, 204):
                raise self._unexpected("PATCH", self._session, answer.said())
            answer.small()
            self._follow(answer.headers.get("Location"))
            self._transport.whole_blobs |= answer.status == HTTPStatus.CREATED
        if self._transport.whole_blobs and length < self._source.size:
            self._session = None
            raise TransientError("the registry keeps the first piece alone; the blob is sent as a whole")

    def _counted(self, offset: int, length: int) -> Iterator[bytes]:
        self._outflow.seek(offset)
        for chunk in self._outflow.piece(length):
            yield chunk
            self.sent += len(chunk)
            self._meter.add(len(chunk))

    def _finish(self) -> None:
        assert self._session is not None
        joint = "&" if "?" in self._session.path else "?"
        path = f"{self._session.path}{joint}digest={quote(str(self._source.digest))}"
        target = Target(self._session.place, path)
        with self._transport.exchange("PUT", target, scope=self._repository) as answer:
            if answer.status == 404:
                self._lost(answer.status)
            if answer.status not in (201, 204):
                raise self._unexpected("PUT", self._session, answer.said())
            answer.small()

    def _follow(self, location: str | None) -> None:
        if location and self._session is not None:
            self._session = led_to(location, self._session, self._transport.place, Lead.UPLOAD)

    def _lost(self, status: int) -> None:
        """The session is gone. One that took pieces may be so each time; the next try sends the blob as one piece."""
        self._session = None
        self._transport.whole_blobs |= self._source.size > PIECE
        raise TransientError(f"the registry forgot the upload (status {status})")

    def _unexpected(self, method: str, target: Target, words: str) -> RegistryError:
        return RegistryError(
            f"registry {self._transport.address}: {method} {target.shown} for blob "
            f"{self._source.digest} of {self._repository}: {words}",
            hint=_TOO_LARGE if words.startswith("status 413") else "",
        )
