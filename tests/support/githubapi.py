"""GitHub's REST interface for issues and pull requests, as far as imagekit asks it, on a Unix socket.

The real gh program talks to it: its setting ``http_unix_socket`` sends what would go to api.github.com there, in plain
HTTP. Paths, fields and status codes are those of https://docs.github.com/en/rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.answering import answering

TOKEN = "stand-in-token"


@dataclass
class GitHubApi:
    """One repository, ``o/r``; `failing` is the status that every request gets, when set."""

    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, list[str]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    failing: int = 0

    def answer(self, method: str, path: str, token: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and what is answered."""
        parts = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.requests.append(f"{method} {parts.path}")
        if self.failing:
            return self.failing, {"message": "told to fail"}
        if token != f"token {TOKEN}":
            return 401, {"message": "Bad credentials"}
        found = re.fullmatch(r"/repos/o/r/(issues|pulls)(?:/(\d+))?(/comments)?", parts.path)
        if found is None:
            return 404, {"message": "Not Found"}
        kind, number = found[1], int(found[2] or 0)
        if number and number not in self.issues:
            return 404, {"message": "Not Found"}
        match method, number, bool(found[3]):
            case "GET", 0, False:
                return 200, self._listed(kind, query)
            case "POST", 0, False:
                return 201, self._made(kind, body)
            case "POST", _, True:
                self.comments.setdefault(number, []).append(body["body"])
                return 201, {"id": 1}
            case "PATCH", _, False:
                self.issues[number].update(body)
                return 200, self.issues[number]
        return 405, {"message": "Method Not Allowed"}

    def _listed(self, kind: str, query: dict[str, str]) -> list[dict[str, Any]]:
        rows = [row for row in self.issues.values() if row["state"] == query.get("state", "open")]
        if kind == "pulls":
            rows = [row for row in rows if f"o:{row.get('head')}" == query["head"] and row["base"] == query["base"]]
        else:
            rows = [row for row in rows if {"name": query["labels"]} in row["labels"]]
        size = int(query.get("per_page", 30))
        begin = (int(query.get("page", 1)) - 1) * size
        return rows[begin : begin + size]

    def _made(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        number = len(self.issues) + 1
        row = {**body, "number": number, "state": "open"}
        row["labels"] = [{"name": name} for name in body.get("labels", ())]
        if kind == "pulls":
            row["pull_request"] = {}
        self.issues[number] = row
        return row


@contextmanager
def github_api(folder: Path) -> Iterator[tuple[GitHubApi, dict[str, str]]]:
    """The interface running, and the environment in which gh talks to it and to nobody else."""
    api, socket = GitHubApi(), folder / "gh.sock"

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            data = self._body()
            token = self.headers.get("Authorization", "")
            status, said = api.answer(self.command, self.path, token, json.loads(data) if data else {})
            text = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def _body(self) -> bytes:
            """gh sends what it reads from its input in chunks."""
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)

        do_GET = do_POST = do_PATCH = _do  # noqa: N815 - http.server's names

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingUnixStreamServer):
        daemon_threads = True

    server = Server(str(socket), Handler)
    config = folder / "gh"
    config.mkdir(mode=0o700)
    (config / "config.yml").write_text(f'version: "1"\nhttp_unix_socket: {socket}\n')
    (config / "config.yml").chmod(0o600)
    with answering(server):
        yield api, {"GH_CONFIG_DIR": str(config), "GH_TOKEN": TOKEN, "HOME": str(folder)}
