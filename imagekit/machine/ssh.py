"""One authenticated, multiplexed OpenSSH session to a machine.

Exactly one key is offered (Kairos allows two tries, and bans who polls), the host key is pinned, and every command
goes through one connection: a new one costs about a second under emulation, a shared one less than a tenth.
"""

from __future__ import annotations

import base64
import os
import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from imagekit.base import process
from imagekit.base.errors import ToolError
from imagekit.base.process import Completed
from imagekit.base.reason import summary
from imagekit.base.waiting import Deadline, Limit, wait_until
from imagekit.machine.errors import ConnectionLostError
from imagekit.machine.interface import Reached, SshTarget
from imagekit.machine.keys import KeyPair

ALIAS = "node"
CONFIG_NAME = "ssh_config"
_LOGIN_TRIES = 3
# W27: the node says nothing on its console when it drops its user data.
_NO_ACCOUNT = (
    "The account comes with the node's user data, which a node drops whole for one value that it cannot read: "
    "`imagekit config check`, then the line `skipping` or `cannot unmarshal` in /run/immucore of the node."
)
_SSH_FAILED = 255


def write_target(folder: Path, *, port: int, user: str, client: KeyPair, host: KeyPair) -> SshTarget:
    """Write key, known hosts and ssh_config into a private folder."""
    key, known, config = folder / "id_ed25519", folder / "known_hosts", folder / CONFIG_NAME
    key.touch(mode=0o600)
    key.write_text(client.private)
    known.write_text(f"{ALIAS} {host.public}\n")
    target = SshTarget(host="127.0.0.1", port=port, user=user, key=key, known_hosts=known, config=config, alias=ALIAS)
    config.write_text(ssh_config(target, folder / "control"))
    return target


def ssh_config(target: SshTarget, control: Path) -> str:
    """The ssh_config that pins everything; the ciphers are those that cost an emulated processor least."""
    options: dict[str, str | int | Path] = {
        "HostName": target.host,
        "Port": target.port,
        "User": target.user,
        "HostKeyAlias": target.alias,
        "IdentityFile": target.key,
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "PreferredAuthentications": "publickey",
        "BatchMode": "yes",
        "UserKnownHostsFile": target.known_hosts,
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "HostKeyAlgorithms": "ssh-ed25519",
        "KexAlgorithms": "^ecdh-sha2-nistp256,curve25519-sha256",
        "Ciphers": "^aes128-gcm@openssh.com",
        "ControlPath": control,
        "ControlMaster": "no",
        "ConnectTimeout": 60,
        "ServerAliveInterval": 15,
        "ServerAliveCountMax": 6,
        "LogLevel": "ERROR",
    }
    return f"Host {target.alias}\n" + "".join(f"  {name} {_quoted(value)}\n" for name, value in options.items())


def _quoted(value: str | int | Path) -> str:
    """A value as ssh_config(5) reads it: paths in quotes, with ``%`` doubled, for it begins a token in them."""
    if not isinstance(value, Path):
        return str(value)
    if "${" in os.fspath(value):
        raise ToolError(f"ssh cannot be told of {value}", hint="Set TMPDIR to a folder without ${ in its name.")
    text = os.fspath(value).replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


@contextmanager
def session(target: SshTarget, deadline: Limit, watch: Callable[[], None]) -> Iterator[None]:
    """Log in and keep the connection open for the block; `watch` raises when the machine cannot answer any more.

    Raises `ConnectionLostError` with ssh's own words after three logins that were denied, or at the deadline.
    """
    log = target.config.with_name("ssh.log")
    argv: list[str | Path] = ["ssh", "-F", target.config, "-N", "-o", "ControlMaster=yes", target.alias]
    refused = 0
    while True:
        # What a connection before left, which was killed: it would be taken for this one's, and every command would
        # log in for itself.
        _control(target).unlink(missing_ok=True)
        with process.background(argv, log=log) as child:

            def settled() -> bool:
                watch()
                return _control(target).exists() or child.poll() is not None

            wait_until(settled, deadline, what=f"SSH login as {target.user}", every=0.02)
            if child.poll() is None:
                yield
                return
        said = log.read_text(errors="replace")[-1000:]
        denied = "Permission denied" in said
        refused += denied
        if refused >= _LOGIN_TRIES or deadline.passed:
            hint = f"{said}\n{_NO_ACCOUNT}" if denied else said
            raise ConnectionLostError(f"the node refused the login as {target.user}", hint=hint)
        # OpenSSH 10 turns a client away for some seconds that came often without logging in, as the probe of the
        # banner does (PerSourcePenalties, sshd_config(5)); it takes it back later.
        _pause(1.0 if denied else min(5.0, deadline.remaining))


def run_as_root(target: Reached, command: str, *, timeout: float, stdin: bytes | None = None) -> Completed:
    """Run a shell command as root; any status is an answer, except a broken connection (`ConnectionLostError`)."""
    remote = f"sudo -n -- sh -c {shlex.quote(command)}"
    argv: list[str | Path] = ["ssh", "-F", target.config, target.alias, remote]
    done = process.run(argv, timeout=timeout, stdin=stdin, ok=range(256))
    if done.returncode == _SSH_FAILED and not connected(target):
        raise ConnectionLostError(
            f"the connection to the node broke during: {command[:200]}", hint=summary(done.stderr)
        )
    return done


def connected(target: Reached) -> bool:
    """Whether the shared connection stands."""
    argv: list[str | Path] = ["ssh", "-F", target.config, "-O", "check", target.alias]
    return process.run(argv, timeout=10.0, ok=range(256)).returncode == 0


def copy_file(target: Reached, remote: str, local: Path, *, limit: int) -> None:
    """Fetch one file of at most `limit` bytes as root; a link at `local` is replaced, not followed.

    Raises `ToolError` when it cannot be read or is larger.
    """
    _copy(target, f"head -c {limit + 1} -- {shlex.quote(remote)}", remote, local, limit)


def copy_output(target: Reached, command: str, what: str, local: Path, *, limit: int) -> None:
    """Keep what a command of root's writes, at most `limit` bytes, as `copy_file` does; `what` it is, for the message.

    Raises `ToolError` when the command complains or writes more.
    """
    _copy(target, f"{command} | head -c {limit + 1}", what, local, limit)


def _copy(target: Reached, command: str, what: str, local: Path, limit: int) -> None:
    done = run_as_root(target, f"{command} | base64 -w0", timeout=300.0)
    data = base64.b64decode(done.stdout) if done.returncode == 0 else b""
    if done.returncode != 0 or done.stderr.strip():
        raise ToolError(f"cannot read {what} on the node", hint=summary(done.stderr))
    if len(data) > limit:
        raise ToolError(f"{what} on the node is larger than {limit} bytes")
    with tempfile.NamedTemporaryFile(dir=local.parent, prefix=f".{local.name}-", delete=False) as file:
        file.write(data)
    os.replace(file.name, local)  # noqa: PTH105 - both names are in one folder; a Path adds nothing


def shell_argv(target: SshTarget) -> list[str]:
    """The command of an interactive shell on the node, over the shared connection."""
    return ["ssh", "-F", str(target.config), "-t", target.alias]


def _pause(seconds: float) -> None:
    pause = Deadline.after(seconds)
    wait_until(lambda: pause.passed, Deadline.after(2 * seconds), what="another try to log in")


def _control(target: SshTarget) -> Path:
    return target.config.with_name("control")
