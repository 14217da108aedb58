"""A registry on loopback that behaves like the real one, and can refuse, lag, cut and lie when told to."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from imagekit.oci.manifest import Manifest, parse_manifest, referrers_index
from imagekit.oci.reference import MEDIA_TYPE_INDEX, Digest
from imagekit.registry.client import Registry
from imagekit.registry.listing import entries_of
from imagekit.registry.referrers import fallback_tag
from imagekit.registry.timeouts import Timeouts
from tests.support.answering import answering

QUICK = Timeouts(attempts=4, first_pause=0.001, longest_pause=0.005, silence=5.0, answer=5.0)
Reply = tuple[int, dict[str, str], bytes]


@dataclass(slots=True, kw_only=True)
class Fault:
    """What goes wrong with requests that match `METHOD path`; the first `skip` matches are spared."""

    match: str
    times: int = 1
    skip: int = 0
    status: int = 0
    reset: bool = False
    cut_request: int | None = None
    cut_answer: int | None = None
    drip: float = 0.0  # seconds before each byte of the answer
    drip_head: float = 0.0  # seconds before each byte of the head of the answer
    alter: Callable[[bytes], bytes] | None = None
    endless: bool = False  # after the answer comes more of it, until the client hangs up
    headers: dict[str, str] = field(default_factory=dict)
    act: Callable[[], None] | None = None


@dataclass(slots=True)
class RegistrySimulator:
    """Storage, switches and faults of a simulated registry; `requests` keeps ``METHOD path`` of all it saw."""

    referrers_api: bool = False
    # What a GET of referrers is answered with in place of a list; the second argument is the list it could give.
    referrers_manner: Callable[[str, bytes], Reply] | None = None
    subject_claimed: bool = False  # says by OCI-Subject that it lists referrers, whether it does or not
    deletes: bool = True
    mounts: bool = True
    password: str | None = None
    bearer_realm: str | None = None
    down_after: int | None = None
    # What a second write of a version tag (v*) is answered with: 412 by Harbor, 400 by ECR; 0 lets it move.
    immutable: int = 0
    ahead: float = 0.0  # seconds by which the Date of each answer differs from the clock of this host
    dated: bool = True  # whether answers have a Date
    more_pages: bool = False  # each page of the tag list says that there is another
    link: str = ""  # the Link header of the tag list
    granted: bytes = b'{"token": "granted"}'  # what the token server answers
    forms: list[bytes] = field(default_factory=list)  # what was posted to the token server
    address: str = ""
    blobs: dict[str, dict[str, bytes]] = field(default_factory=dict)
    manifests: dict[str, dict[str, tuple[str, bytes]]] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    received: int = 0
    connections: int = 0
    guard: threading.RLock = field(default_factory=threading.RLock)

    def client(self, **options: Any) -> Registry:
        """A client that gives up soon."""
        return Registry(self.address, timeouts=QUICK, **options)

    def fail(self, match: str, **how: Any) -> None:
        """Make the next matching requests go wrong."""
        self.faults.append(Fault(match=match, **how))

    def snapshot(self) -> str:
        """All that is stored, to compare before and after."""
        return json.dumps(
            [self.tags, {k: sorted(v) for k, v in self.manifests.items()}, sorted(map(sorted, self.blobs.values()))]
        )

    def attach(self, repository: str, subject: Digest, manifest: Manifest, *blobs: bytes) -> None:
        """Store a referrer with its blobs, and list it, as `imagekit.registry.referrers.attach` leaves it behind."""
        stored = self.blobs.setdefault(repository, {})
        stored.update((str(Digest.of(blob)), blob) for blob in blobs)
        there = self.manifests.setdefault(repository, {})
        there[str(manifest.digest)] = (manifest.media_type, manifest.raw)
        if self.referrers_api:
            return
        tags, tag = self.tags.setdefault(repository, {}), fallback_tag(subject)
        listed = entries_of(there[tags[tag]][1], tag) if tag in tags else ()
        if manifest.digest not in {entry.digest for entry in listed}:
            index = referrers_index((*listed, manifest.listed))
            tags[tag] = str(index.digest)
            there[tags[tag]] = (index.media_type, index.raw)

    def user_tags(self, repository: str) -> dict[str, str]:
        """Tags that are neither claims nor lists of referrers."""
        found = self.tags.get(repository, {})
        return {k: v for k, v in found.items() if not k.startswith(("imagekit-claim-", "sha256-"))}

    def take_fault(self, request: str) -> Fault | None:
        """The fault that this request meets, counted down."""
        for fault in self.faults:
            if fault.times > 0 and re.search(fault.match, request):
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    def allowed(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Reply | None:
        """A refusal of who may not do this, or the answer of the token server; None to go on."""
        given = headers.get("authorization", "")
        if target.startswith("/token"):
            self.forms += [body] if body else []
            return 200, {}, self.granted
        if self.bearer_realm is not None and given != "Bearer granted":
            challenge = f'Bearer realm="{self.bearer_realm}",service="sim",scope="repository:x:pull,push"'
            return 401, {"WWW-Authenticate": challenge}, b"{}"
        if self.password is not None and given != self.password:
            return 401, {"WWW-Authenticate": 'Basic realm="sim"'}, b'{"errors":[{"code":"UNAUTHORIZED"}]}'
        return None

    def answer(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Reply:
        """What a registry without faults answers."""
        parts = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if parts.path == "/v2/":
            return 200, {}, b"{}"
        found = re.fullmatch(r"/v2/(.+)/(manifests|blobs|tags|referrers)/(.*)", parts.path)
        if found is None:
            return 404, {}, b"{}"
        repository, kind, name = found.groups()
        if kind == "blobs" and name.startswith("uploads"):
            repository = repository.removesuffix("/blobs")
            return self._upload(method, repository, name.removeprefix("uploads").strip("/"), query, body, headers)
        match method, kind:
            case "GET" | "HEAD", "blobs":
                return self._blob(repository, name, headers)
            case "GET" | "HEAD", "manifests":
                return self._manifest(repository, name)
            case "PUT", "manifests":
                return self._put_manifest(repository, name, body, headers)
            case "DELETE", "manifests":
                return self._delete(repository, name)
            case "GET", "tags":
                link = {"Link": f'<{parts.path}>; rel="next"'} if self.more_pages else {}
                link = {"Link": self.link} if self.link else link
                tags = sorted(self.tags.get(repository, {}))
                return 200, link, json.dumps({"name": repository, "tags": tags}).encode()
            case "GET", "referrers" if self.referrers_manner is not None:
                return self.referrers_manner(name, self._referrers(repository, name))
            case "GET", "referrers" if self.referrers_api:
                return 200, {"Content-Type": MEDIA_TYPE_INDEX}, self._referrers(repository, name)
            case _:
                return 404, {}, b"{}"

    def _blob(self, repository: str, name: str, headers: dict[str, str]) -> Reply:
        data = self.blobs.get(repository, {}).get(name)
        if data is None:
            return 404, {}, b'{"errors":[{"code":"BLOB_UNKNOWN"}]}'
        begin = re.match(r"bytes=(\d+)-", headers.get("range", ""))
        return (206, {}, data[int(begin[1]) :]) if begin else (200, {}, data)

    def _manifest(self, repository: str, name: str) -> Reply:
        digest = self.tags.get(repository, {}).get(name, name)
        stored = self.manifests.get(repository, {}).get(digest)
        if stored is None:
            return 404, {}, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}'
        return 200, {"Content-Type": stored[0], "Docker-Content-Digest": digest}, stored[1]

    def _put_manifest(self, repository: str, name: str, body: bytes, headers: dict[str, str]) -> Reply:
        digest, fields = str(Digest.of(body)), json.loads(body)
        blobs = self.blobs.get(repository, {})
        named = [entry["digest"] for entry in [fields["config"], *fields["layers"]]] if "config" in fields else []
        if any(blob not in blobs for blob in named) or (":" in name and name != digest):
            return 400, {}, b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}'
        if self.immutable and name.startswith("v") and self.tags.get(repository, {}).get(name, digest) != digest:
            return self.immutable, {}, b'{"errors":[{"code":"TAG_IMMUTABLE","message":"configured as immutable"}]}'
        self.manifests.setdefault(repository, {})[digest] = (headers.get("content-type", ""), body)
        if ":" not in name:
            self.tags.setdefault(repository, {})[name] = digest
        claims = (self.referrers_api or self.subject_claimed) and "subject" in fields
        subject = {"OCI-Subject": fields["subject"]["digest"]} if claims else {}
        return 201, {"Docker-Content-Digest": digest, **subject}, b""

    def _delete(self, repository: str, digest: str) -> Reply:
        if not self.deletes or ":" not in digest:
            return 405, {}, b'{"errors":[{"code":"UNSUPPORTED"}]}'
        if self.manifests.get(repository, {}).pop(digest, None) is None:
            return 404, {}, b"{}"
        tags = self.tags.get(repository, {})
        self.tags[repository] = {tag: found for tag, found in tags.items() if found != digest}
        return 202, {}, b""

    def _referrers(self, repository: str, digest: str) -> bytes:
        entries = [
            parse_manifest(raw, "stored").listed.to_json()
            for _, raw in self.manifests.get(repository, {}).values()
            if json.loads(raw).get("subject", {}).get("digest") == digest
        ]
        return json.dumps({"schemaVersion": 2, "mediaType": MEDIA_TYPE_INDEX, "manifests": entries}).encode()

    def _upload(
        self, method: str, repository: str, session: str, query: dict[str, str], body: bytes, headers: dict[str, str]
    ) -> Reply:
        if method == "POST":
            shared = self.blobs.get(query.get("from", ""), {}).get(query.get("mount", ""))
            if shared is not None and self.mounts:
                self.blobs.setdefault(repository, {})[query["mount"]] = shared
                return 201, {}, b""
            session = uuid.uuid4().hex
            self.uploads[session] = bytearray()
        stored = self.uploads.get(session)
        if stored is None:
            return 404, {}, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}'
        if method == "PATCH" and int(headers["content-range"].partition("-")[0]) != len(stored):
            return 416, {}, b""
        stored += body
        if method == "PUT":
            if str(Digest.of(bytes(stored))) != query["digest"]:
                return 400, {}, b'{"errors":[{"code":"DIGEST_INVALID"}]}'
            self.blobs.setdefault(repository, {})[query["digest"]] = bytes(self.uploads.pop(session))
            return 201, {}, b""
        place = {
            "Location": f"/v2/{repository}/blobs/uploads/{session}?state=x",
            "Range": f"0-{max(0, len(stored) - 1)}",
        }
        return (204 if method == "GET" else 202), place, b""

    def keep_part(self, target: str, part: bytes) -> None:
        """What a real registry keeps of an upload whose connection broke."""
        session = self.uploads.get(urlsplit(target).path.rpartition("/")[2])
        if session is not None:
            session += part


@contextmanager
def simulated_registry(*, port: int = 0, **switches: Any) -> Iterator[RegistrySimulator]:
    """Serve a simulator on a port (0: a free one) of 127.0.0.1 until the block ends; `tls` is a server context."""
    tls: ssl.SSLContext | None = switches.pop("tls", None)
    simulator = RegistrySimulator(**switches)
    with serving(simulator, tls, port=port):
        yield simulator


@contextmanager
def serving(simulator: RegistrySimulator, tls: ssl.SSLContext | None = None, *, port: int = 0) -> Iterator[None]:
    """Give a simulator an address, and answer there until the block ends."""

    class Handler(_Handler):
        world = simulator

    server = _Server(("127.0.0.1", port), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    simulator.address = f"127.0.0.1:{server.server_address[1]}"
    with answering(server):
        yield


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what is being tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    world: RegistrySimulator
    _headers_buffer: list[bytes]  # of the base class

    def setup(self) -> None:
        super().setup()
        with self.world.guard:
            self.world.connections += 1

    def log_message(self, format: str, *args: Any) -> None:
        """The simulator keeps its own list."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The registry's own clock."""
        return super().date_time_string((time.time() if timestamp is None else timestamp) + self.world.ahead)

    def send_header(self, keyword: str, value: str) -> None:
        """All but the Date where the registry has none."""
        if keyword != "Date" or self.world.dated:
            super().send_header(keyword, value)

    def _serve(self) -> None:
        world, request = self.world, f"{self.command} {self.path}"
        with world.guard:
            world.requests.append(request)
            world.authorizations.append(self.headers.get("Authorization", ""))
            down = world.down_after is not None and len(world.requests) > world.down_after
            fault = None if down else world.take_fault(request)
        if down or (fault is not None and fault.reset):
            return self._hang_up()
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length if fault is None or fault.cut_request is None else fault.cut_request)
        if fault is not None and fault.act is not None:
            fault.act()
        if fault is not None and fault.cut_request is not None:
            world.keep_part(self.path, body)
            return self._hang_up()
        if fault is not None and fault.status:
            said = b'{"errors":[{"message":"simulated"}]}'
            return self._reply((fault.status, fault.headers, fault.alter(said) if fault.alter else said), None)
        with world.guard:
            world.received += len(body) if "/blobs/" in self.path else 0
            headers = {key.lower(): value for key, value in self.headers.items()}
            reply = world.allowed(self.command, self.path, body, headers) or world.answer(
                self.command, self.path, body, headers
            )
        self._reply(reply, fault)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - names of the base class

    def _reply(self, reply: Reply, fault: Fault | None) -> None:
        status, headers, body = reply
        if fault is not None and fault.alter is not None:
            body = fault.alter(body)
        self.send_response(status)
        for name, value in headers.items():
            for line in value.split("\n"):  # a header that stands several times
                self.send_header(name, line)
        endless = fault is not None and fault.endless
        self.send_header(*(("Connection", "close") if endless else ("Content-Length", str(len(body)))))
        if fault is not None and fault.drip_head:
            self._drip_head(fault.drip_head)
        self.end_headers()
        if endless:
            return self._never_end(body or b" ")
        if self.command == "HEAD" or status == 204:
            return
        if fault is not None and fault.cut_answer is not None:
            self.wfile.write(body[: fault.cut_answer])
            return self._hang_up()
        for position in range(len(body)) if fault is not None and fault.drip else ():
            time.sleep(fault.drip if fault is not None else 0.0)
            self.wfile.write(body[position : position + 1])
        if fault is None or not fault.drip:
            self.wfile.write(body)

    def _drip_head(self, pause: float) -> None:
        """All of the head but its end, byte by byte."""
        head = b"".join(self._headers_buffer)
        self._headers_buffer.clear()
        with suppress(OSError):
            for position in range(len(head)):
                time.sleep(pause)
                self.wfile.write(head[position : position + 1])

    def _never_end(self, body: bytes) -> None:
        with suppress(OSError):
            while True:
                self.wfile.write(body * (1 + (1 << 16) // len(body)))

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
