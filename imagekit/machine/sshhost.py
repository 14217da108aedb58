"""The program ssh, by which libvirt and the tunnel reach another host: its command line, and whether it lets us in."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from imagekit.base import process
from imagekit.base.errors import ToolError
from imagekit.machine.errors import HypervisorError

_SECONDS = 30.0
_CONNECT_SECONDS = 10
_FAILED_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failed:
    until: float
    said: str
    hint: str


_answered = set[str]()
_failed = dict[str, _Failed]()


def ssh_command(uri: str) -> list[str]:
    """The ssh that libvirt would run for an address, without a terminal to ask at. Raises `HypervisorError`."""
    parts = urlsplit(uri)
    if not parts.scheme.endswith("+ssh"):
        raise HypervisorError(
            f"a machine at {uri} cannot be logged in to: it listens on 127.0.0.1 of that host alone",
            hint="Name the host by ssh: libvirt_uris: [qemu+ssh://USER@HOST/system].",
        )
    asked = parse_qs(parts.query)
    argv = ["ssh", "-o", "BatchMode=yes", "-o", "ControlMaster=no", "-o", "ControlPath=none"]
    argv += ["-p", str(parts.port)] if parts.port else []
    argv += ["-l", parts.username] if parts.username else []
    argv += ["-i", asked["keyfile"][0]] if "keyfile" in asked else []
    if asked.get("no_verify") == ["1"]:
        argv += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    return [*argv, "--", str(parts.hostname)]


def require_ssh(uri: str) -> None:
    """Hold a host that is reached by ssh to an answer; raises `HypervisorError`.

    libvirt itself would wait for minutes for a host that is off, and ask at the terminal for a password. An answer
    holds for this process, a failure for two minutes of it.
    """
    if uri in _answered or not urlsplit(uri).scheme.endswith("+ssh"):
        return
    if (known := _failed.get(uri)) is not None and process.now() < known.until:
        raise HypervisorError(known.said, hint=known.hint)
    argv = ssh_command(uri)
    try:
        process.run([argv[0], "-o", f"ConnectTimeout={_CONNECT_SECONDS}", *argv[1:], "true"], timeout=_SECONDS)
    except ToolError as error:
        words = error.hint.splitlines()
        known = _failed[uri] = _Failed(
            until=process.now() + _FAILED_SECONDS,
            said=f"{urlsplit(uri).hostname} is not reached by ssh" + (f": {words[-1]}" if words else ""),
            hint=f"`{shlex.join([*argv, 'true'])}` must succeed, without a question.",
        )
        raise HypervisorError(known.said, hint=known.hint) from None
    _answered.add(uri)
