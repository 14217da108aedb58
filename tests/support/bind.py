"""A real BIND on loopback, as a user would run it for one zone with dynamic updates; nothing of it needs root."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import pytest

from imagekit.base.process import background
from imagekit.base.waiting import Deadline, wait_until

SECRET = "c2VjcmV0IG9mIGEgdGVzdCwgMzIgYnl0ZXMgbG9uZyE="
ZONE = "tdc.bank.example"
_CONFIG = """
options {{
    directory "{folder}"; pid-file none; session-keyfile none; managed-keys-directory "{folder}";
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion no; allow-transfer {{ none; }}; notify no; dnssec-validation no;
}};
controls {{ }};
key "imagekit" {{ algorithm hmac-sha256; secret "{secret}"; }};
key "reader" {{ algorithm hmac-sha256; secret "{secret}"; }};
zone "{zone}" {{
    type primary; file "{folder}/zone.db";
    update-policy {{ grant imagekit zonesub A AAAA CNAME TXT; }};
}};
zone "other.example" {{ type primary; file "{folder}/other.db"; update-policy {{ grant reader zonesub ANY; }}; }};
"""
_DB = "$TTL 300\n@ IN SOA ns1 hostmaster 1 3600 600 604800 300\n@ IN NS ns1\nns1 IN A 127.0.0.1\nmail IN A 192.0.2.99\n"


@dataclass(frozen=True)
class Bind:
    """Where it listens, and key files for it."""

    port: int
    folder: Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def key(self, name: str = "imagekit", secret: str = SECRET, algorithm: str = "hmac-sha256") -> Path:
        path = self.folder / f"{name}-{abs(hash(secret)) % 1000}.key"
        path.write_text(f'key "{name}" {{\n\talgorithm {algorithm};\n\tsecret "{secret}";\n}};\n')
        return path


def named_program() -> str:
    """The program, or the end of the test."""
    found = shutil.which("named")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs named (BIND 9): `bin/setup dev` unpacks it")
    return str(found)


@contextmanager
def running(folder: Path, program: str) -> Iterator[Bind]:
    """BIND with a zone that the key `imagekit` may update, and one that it may not."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "named.conf").write_text(_CONFIG.format(folder=folder, port=port, secret=SECRET, zone=ZONE))
    for name in ("zone.db", "other.db"):
        (folder / name).write_text(_DB)
    argv: list[str | Path] = [program, "-g", "-c", folder / "named.conf"]
    with background(argv, log=folder / "named.log") as child:

        def answers() -> bool:
            assert child.poll() is None, (folder / "named.log").read_text()[-2000:]
            try:
                return bool(
                    dns.query.tcp(dns.message.make_query(ZONE, "SOA"), "127.0.0.1", port=port, timeout=2).answer
                )
            except (OSError, dns.exception.DNSException):
                return False

        wait_until(answers, Deadline.after(60), what="named")
        yield Bind(port, folder)
