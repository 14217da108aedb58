"""bindcar's interface as documented (v0.7.3), against a server that gives its documented answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from imagekit.base.errors import ConfigError
from imagekit.cli import cli
from imagekit.provision.check.reading import read_tree
from imagekit.provision.nameserver.bindcar import Bindcar, BindcarError, ZoneRefusedError, creation
from tests.support.answering import answering
from tests.support.manifests import GOOD

TOKEN = "a-token-of-a-test"


class Stub(ThreadingHTTPServer):
    """Zones in memory; `answer` stands in for all answers when it is set."""

    zones: dict[str, dict[str, Any]]
    answer: tuple[int, str] | None = None


class Handler(BaseHTTPRequestHandler):
    server: Stub

    def _send(self, status: int, body: object = None) -> None:
        data = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.answer is not None:
            return self._send(*self.server.answer)
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self._send(401, {"error": "Unauthorized", "details": "Missing or invalid Authorization header"})
        name = self.path.removeprefix("/api/v1/zones").strip("/")
        zones = self.server.zones
        if self.command == "POST":
            zone = json.loads(body)
            if zone["zoneName"] in zones:
                return self._send(409, {"error": "Zone already exists"})
            zones[zone["zoneName"]] = zone
            return self._send(201, {"success": True, "message": f"Zone {zone['zoneName']} created successfully"})
        if not name:
            return self._send(200, {"zones": sorted(zones), "count": len(zones)})
        if name not in zones:
            return self._send(404, {"error": "Zone not found"})
        if self.command == "DELETE":
            del zones[name]
            return self._send(204)
        soa = zones[name]["zoneConfig"]["soa"]
        return self._send(200, {"name": name, "zoneType": "primary", "serial": soa["serial"]})

    do_GET = do_POST = do_DELETE = _handle  # noqa: N815 - names of http.server

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the screen."""


@contextmanager
def serving() -> Iterator[tuple[Stub, str]]:
    server = Stub(("127.0.0.1", 0), Handler)
    server.zones = {}
    with answering(server):
        yield server, f"http://127.0.0.1:{server.server_address[1]}"


@pytest.fixture
def stub() -> Iterator[tuple[Stub, str]]:
    with serving() as found:
        yield found


def zone_manifest() -> Any:
    return next(read_tree([GOOD]).of("DNSZone"))


def test_a_zone_lives(stub: tuple[Stub, str]) -> None:
    bindcar, zone = Bindcar(stub[1], TOKEN), zone_manifest()
    assert bindcar.zones() == []
    assert bindcar.zone("tdc.bank.example") is None
    bindcar.create(zone)
    assert bindcar.zones() == ["tdc.bank.example"]
    assert dict(bindcar.zone("tdc.bank.example") or {})["serial"] == 1
    with pytest.raises(ZoneRefusedError, match="409"):
        bindcar.create(zone)
    assert bindcar.delete("tdc.bank.example")
    assert not bindcar.delete("tdc.bank.example")


def test_what_is_sent_is_what_is_documented() -> None:
    sent = creation(zone_manifest())
    assert sent["zoneName"] == "tdc.bank.example"
    assert sent["zoneType"] == "primary"
    config: Any = sent["zoneConfig"]
    assert set(config) == {"ttl", "soa", "nameServers", "nameServerIps"}
    assert set(config["soa"]) == {"primaryNs", "adminEmail", "serial", "refresh", "retry", "expire", "negativeTtl"}


@pytest.mark.parametrize(
    ("answer", "error", "word"),
    [
        ((400, '{"error":"Invalid zone name"}'), ZoneRefusedError, "Invalid zone name"),
        ((401, '{"error":"Unauthorized"}'), ZoneRefusedError, "401"),
        ((404, "<html>not here</html>"), ZoneRefusedError, "404"),
        ((500, '{"error":"RNDC command failed"}'), BindcarError, "RNDC command failed"),
        ((502, ""), BindcarError, "502"),
        ((200, "<html>"), BindcarError, "no JSON"),
        ((200, '{"zones": 3}'), BindcarError, "no list"),
        ((302, ""), BindcarError, "302"),
    ],
)
def test_answers_that_are_no_use(
    stub: tuple[Stub, str], answer: tuple[int, str], error: type[Exception], word: str
) -> None:
    stub[0].answer = answer
    with pytest.raises(error, match=word) as caught:
        Bindcar(stub[1], TOKEN).zones()
    assert TOKEN not in str(caught.value)


def test_a_zone_that_is_made_and_not_there(stub: tuple[Stub, str], monkeypatch: pytest.MonkeyPatch) -> None:
    bindcar = Bindcar(stub[1], TOKEN)
    monkeypatch.setattr(Bindcar, "zone", lambda self, name: None)
    with pytest.raises(BindcarError, match="does not have it"):
        bindcar.create(zone_manifest())


def test_no_token_travels_in_the_clear() -> None:
    with pytest.raises(ConfigError, match="neither https"):
        Bindcar("http://bindcar.bank.example", TOKEN)
    with pytest.raises(ConfigError, match="neither https"):
        Bindcar("bindcar.bank.example", TOKEN)
    assert TOKEN not in repr(Bindcar("https://bindcar.bank.example", TOKEN))


def test_nobody_there() -> None:
    with pytest.raises(BindcarError, match=r"127\.0\.0\.1:1"):
        Bindcar("http://127.0.0.1:1").zones()


def test_the_command(stub: tuple[Stub, str], tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")

    def call(*words: object, code: int = 0) -> str:
        options = ["--bindcar", stub[1], "--token-file", str(tmp_path / "token")]
        done = CliRunner().invoke(cli, ["provision", "dns", "zones", str(GOOD), *options, *map(str, words)])
        assert done.exit_code == code, (done.output, done.exception)
        return done.output

    assert "tdc.bank.example  missing" in call(code=1)
    assert "tdc.bank.example  made" in call("--create")
    assert "tdc.bank.example  there" in call()
    done = CliRunner().invoke(
        cli, ["provision", "dns", "zones", str(GOOD), "--bindcar", stub[1], "--delete", "tdc.bank.example"]
    )
    assert isinstance(done.exception, ConfigError)
    assert "old.example  was not there" in call("--delete", "old.example")
