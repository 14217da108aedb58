"""Requests to an API server that is busy, away, or says no: what is asked again, and what never is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import urllib3

from imagekit.kube.client import Api, ApiError, ApiUnreachableError
from tests.support.answering import answering


@dataclass
class Server:
    """Answers with `statuses`, then with 200; `seen` are the requests."""

    statuses: list[int] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    api: Api = field(init=False)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """One on loopback; nobody waits between two requests."""
    monkeypatch.setattr(urllib3.Retry, "_sleep_backoff", lambda _: None)
    world = Server()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            world.seen.append(f"{self.command} {self.path}")
            status = world.statuses.pop(0) if world.statuses else 200
            body = json.dumps({"message": "storage is (re)initializing"} if status >= 400 else {"items": []}).encode()
            self.send_response(status)
            self.send_header("Retry-After", "3600")
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing."""

    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with answering(found), urllib3.PoolManager() as pool:
        world.api = Api(f"http://127.0.0.1:{found.server_address[1]}", pool, {})
        yield world


def test_kinds_that_are_new_are_asked_for_again(server: Server) -> None:
    """Custom resources that were just applied: 429 with "storage is (re)initializing" for a second or two."""
    server.statuses = [429, 429, 429]
    assert server.api.get("/apis/x") == {"items": []}
    assert server.seen == ["GET /apis/x"] * 4


def test_a_server_that_stays_busy_is_told_in_its_own_words(server: Server) -> None:
    server.statuses = [429] * 99
    with pytest.raises(ApiError, match=r"GET /apis/x: storage is \(re\)initializing") as caught:
        server.api.get("/apis/x")
    assert caught.value.status == 429
    assert len(server.seen) == 11


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_changes_something_is_asked_once(server: Server, method: str) -> None:
    """The refusal of an eviction is a 429, too, and an answer."""
    server.statuses = [429]
    with pytest.raises(ApiError) as caught:
        server.api.call(method, "/eviction", body={})
    assert (caught.value.status, len(server.seen)) == (429, 1)


@pytest.mark.parametrize("status", [404, 409, 500, 503])
def test_any_other_answer_is_one(server: Server, status: int) -> None:
    server.statuses = [status]
    with pytest.raises(ApiError) as caught:
        server.api.get("/apis/x")
    assert (caught.value.status, len(server.seen)) == (status, 1)


def test_another_address_is_not_gone_to(server: Server) -> None:
    server.statuses = [302]
    assert server.api.get("/apis/x") == {"items": []}
    assert server.seen == ["GET /apis/x"]


def test_a_server_that_is_away_is_named_at_once() -> None:
    with urllib3.PoolManager() as pool, pytest.raises(ApiUnreachableError, match="does not answer"):
        Api("http://127.0.0.1:1", pool, {}).get("/apis/x")
