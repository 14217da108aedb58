"""A real kube-apiserver with its etcd, on loopback, for the time of a block.

Whoever starts them owns them: they end with the block, and by the kernel's word with the process, also by kill -9 (then
by KILL too: after TERM each of the two waits for the other).
What a killed process left in its folder is removed by the next start.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import socket
import subprocess  # noqa: TID251 - the type of what `background` yields
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagekit.base.errors import ToolError
from imagekit.base.hostprograms import find_programs as find_host_programs
from imagekit.base.log import step
from imagekit.base.process import alive, background, start_time
from imagekit.base.text import one_line
from imagekit.base.waiting import Deadline, wait_until
from imagekit.kube.client import Api, ApiError, ApiUnreachableError, session
from imagekit.kube.kubeconfig import Access
from imagekit.kube.pki import Authority, signing_key, write_private

_PROGRAMS = ("etcd", "kube-apiserver")
_SECONDS = 90.0
# Less collecting of garbage: a fifth of the processor's time of a server that lives for seconds, for 100 MB more.
_ENV = {"GOGC": "400"}
_LOG_LINES = 6
_NO_NODES = ("--authorization-mode=RBAC",)
_NODES = (
    "--authorization-mode=Node,RBAC",
    "--enable-bootstrap-token-auth",
    "--enable-admission-plugins=NodeRestriction",
)
# Relative names, so that the depth of the folder does not count: a Unix socket's path has at most 107 bytes. etcd
# wants a host and a port in each address, and makes a socket of the name "etcd:1".
_CLIENTS, _PEERS = "unix://etcd:1", "unix://peer:2"


class ServerFailedError(ToolError):
    """The API server did not come up, or went away."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the two programs are."""

    etcd: Path
    apiserver: Path


def find_programs() -> Programs:
    """The programs in the folder of KUBEBUILDER_ASSETS, else in PATH. Raises `ProgramMissingError`."""
    found = find_host_programs(_PROGRAMS, more="--kubeconfig asks a live cluster instead.")
    return Programs(*(found[name] for name in _PROGRAMS))


@dataclass(frozen=True)
class Cluster:
    """A running API server: how its administrator gets in, and where its files are."""

    access: Access
    authority: Authority
    folder: Path

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig of the administrator, for other programs."""
        access = self.access
        cluster = {"server": access.server, "certificate-authority-data": _b64(access.authority)}
        user = {"client-certificate-data": _b64(access.certificate), "client-key-data": _b64(access.key)}
        data = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "local",
            "clusters": [{"name": "local", "cluster": cluster}],
            "users": [{"name": "admin", "user": user}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": "admin"}}],
        }
        return write_private(path, json.dumps(data).encode())


@contextmanager
def api_server(work: Path, programs: Programs | None = None, *, nodes: bool = False) -> Iterator[Cluster]:
    """An empty API server whose state is below `work` until the block ends.

    With `nodes` it admits bootstrap tokens, and holds nodes to what is theirs (NodeRestriction). Its certificate is for
    loopback. Raises `ProgramMissingError`, `ServerFailedError` with the end of its log, `DeadlineError`.
    """
    with starting(work, programs, nodes=nodes) as ready:
        yield ready()


@contextmanager
def starting(work: Path, programs: Programs | None = None, *, nodes: bool = False) -> Iterator[Callable[[], Cluster]]:
    """An API server that comes up while its owner does something else; what is given waits until it answers."""
    found = programs or find_programs()
    home = work / "apiserver"
    sweep(home)
    folder = home / f"{os.getpid()}-{int(start_time(os.getpid()) * 100)}-{secrets.token_hex(3)}"
    folder.mkdir(parents=True, mode=0o700)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        etcd = background(_etcd(found), log=folder / "etcd.log", env=_ENV, cwd=folder, death_signal="KILL")
        stack.enter_context(etcd)
        cluster, argv = _prepared(found, folder)
        argv += _NODES if nodes else _NO_NODES
        log = folder / "kube-apiserver.log"
        server = stack.enter_context(background(argv, log=log, env=_ENV, cwd=folder, death_signal="KILL"))

        def ready() -> Cluster:
            with step("Starting etcd and kube-apiserver"):
                _wait_for(cluster.access, server, log)
            return cluster

        yield ready


def sweep(home: Path) -> None:
    """Remove the folders of processes that are gone; their programs ended with them."""
    for folder in home.glob("*-*-*") if home.is_dir() else ():
        pid, began, _ = folder.name.split("-", 2)
        ours = pid.isdecimal() and began.isdecimal()
        if ours and not alive(int(pid), started=int(began) / 100):
            shutil.rmtree(folder, ignore_errors=True)


def _etcd(programs: Programs) -> list[str | Path]:
    """etcd on sockets in its own folder, which nobody else may enter; what it keeps need not outlive it."""
    return [
        *(programs.etcd, "--data-dir=data", "--unsafe-no-fsync", "--log-level=error"),
        *(f"--listen-client-urls={_CLIENTS}", f"--advertise-client-urls={_CLIENTS}"),
        *(f"--listen-peer-urls={_PEERS}", f"--initial-advertise-peer-urls={_PEERS}"),
        f"--initial-cluster=default={_PEERS}",
    ]


def _prepared(programs: Programs, folder: Path) -> tuple[Cluster, list[str | Path]]:
    """Certificates in the folder, and how to call the API server."""
    authority, port = Authority(), _free_port()
    server, admin = authority.server(), authority.client("imagekit", "system:masters")
    for name, data in (
        *(("ca.pem", authority.pem), ("server.pem", server.certificate)),
        *(("server.key", server.key), ("accounts.key", signing_key())),
    ):
        write_private(folder / name, data)
    argv: list[str | Path] = [
        *(programs.apiserver, f"--etcd-servers={_CLIENTS}", "--bind-address=127.0.0.1", f"--secure-port={port}"),
        *("--tls-cert-file=server.pem", "--tls-private-key-file=server.key", "--client-ca-file=ca.pem"),
        *("--service-account-issuer=https://localhost", "--service-account-key-file=accounts.key"),
        *("--service-account-signing-key-file=accounts.key", "--anonymous-auth=false"),
        # One server alone: nothing to be found by, nothing to share out.
        *(
            "--endpoint-reconciler-type=none",
            "--advertise-address=127.0.0.1",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--enable-priority-and-fairness=false",
        ),
    ]
    access = Access(
        server=f"https://127.0.0.1:{port}", authority=authority.pem, certificate=admin.certificate, key=admin.key
    )
    return Cluster(access, authority, folder), argv


def _wait_for(access: Access, server: subprocess.Popen[bytes], log: Path) -> None:
    with session(access) as api:
        wait_until(
            lambda: _ready(api, server, log), Deadline.after(_SECONDS), what="kube-apiserver", hint=f"Its log is {log}."
        )


def _ready(api: Api, server: subprocess.Popen[bytes], log: Path) -> bool:
    if server.poll() is not None:
        raise ServerFailedError(f"kube-apiserver ended with status {server.returncode}", hint=_end_of(log))
    try:
        return str(api.get("/readyz")) == "ok"
    except (ApiError, ApiUnreachableError):
        return False


def _end_of(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return "\n".join(one_line(each) for each in lines[-_LOG_LINES:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
