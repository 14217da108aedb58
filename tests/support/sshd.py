"""An SSH server on 127.0.0.1 that lets root in by one key: what `qemu+ssh` connects to.

It has an /etc/passwd and a /run of its own in a mount namespace, for the user that OpenSSH drops its privileges to.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagekit.base.process import background, run
from imagekit.base.waiting import Deadline, wait_until
from imagekit.machine.ports import is_free, reserved_port

_START = """
set -e
base=$1
mkdir -p "$base/run"
mount -t tmpfs tmpfs /run
mkdir -m 0755 /run/sshd
grep -v '^sshd:' /etc/passwd >"$base/passwd"
echo 'sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin' >>"$base/passwd"
mount --bind "$base/passwd" /etc/passwd
exec "$2" -D -e -f "$base/sshd_config"
"""


@dataclass(frozen=True)
class SshServer:
    """Where it listens, and the key that it takes."""

    port: int
    key: Path


@contextmanager
def ssh_server(base: Path) -> Iterator[SshServer]:
    """A running server, whose files lie below `base`, a folder of root's."""
    program = shutil.which("sshd")
    assert program is not None, "no sshd in PATH: bin/setup dev gets it"
    for name in ("host", "client"):
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", base / name], timeout=30)
    with reserved_port() as port:
        pass
    (base / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {base}/host\nAuthorizedKeysFile {base}/client.pub\n"
        f"PermitRootLogin prohibit-password\nPasswordAuthentication no\nUsePAM no\nStrictModes no\nPidFile none\n"
    )
    argv = ["unshare", "--mount", "sh", "-c", _START, "sshd", str(base), program]
    with background(argv, log=base / "sshd.log"):
        wait_until(lambda: not is_free(port), Deadline.after(30), what="sshd", hint=f"Its log: {base}/sshd.log")
        yield SshServer(port, base / "client")
