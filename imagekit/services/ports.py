"""Who listens on a TCP port of this machine, read from proc(5)."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from pathlib import Path

_LISTEN = "0A"


def free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def listener(port: int) -> str:
    """The process that listens on a port, as "name (process 123)"; "another process" when that cannot be seen."""
    inodes = _listening_inodes(port)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and inodes & _socket_inodes(entry):
            with suppress(OSError):
                return f"{(entry / 'comm').read_text().strip()} (process {entry.name})"
    return "another process"


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if not table.exists():
            continue
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found


def _socket_inodes(process: Path) -> set[str]:
    found = set()
    try:
        for link in (process / "fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile, as the one that lists this folder
                found.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    except OSError:
        return set()  # it ended meanwhile, or belongs to somebody else
    return found
