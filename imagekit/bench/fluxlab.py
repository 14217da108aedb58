"""Flux on loopback: a Git repository served over smart HTTP, and Flux's two controllers beside a real API server."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from imagekit.base.process import ProgramMissingError, background, run
from imagekit.kube.local import Cluster

SPACE = "flux-system"
_PROGRAMS = ("source-controller", "kustomize-controller")
_MODULE = "github.com/fluxcd/source-controller"
# Kustomizations of these wait for nothing that nobody here is; those of clusters want kinds that not every folder has.
_WATCHED = ("fleet-platform", "fleet-images", "fleet-dns", "fleet-machines-")
_WHO = {
    **{f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "ada@bank.example" for who in ("AUTHOR", "COMMITTER")},
    "GIT_CONFIG_GLOBAL": "/dev/null",
}


class GitRepo:
    """A bare repository and how its branch main is moved."""

    def __init__(self, folder: Path) -> None:
        self.bare, self.work = folder / "fleet.git", folder / "work"
        self._git("init", "-q", "--bare", "-b", "main", self.bare)
        self._git("clone", "-q", self.bare, self.work)
        self._git("-C", self.work, "checkout", "-q", "-b", "main")

    def commit(self, tree: Mapping[str, bytes], message: str) -> str:
        """Make the tree the whole content of the folder provision, and push; the commit's id."""
        shutil.rmtree(self.work / "provision", ignore_errors=True)
        for path, data in tree.items():
            file = self.work / "provision" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        self._git("-C", self.work, "add", "-A")
        self._git("-C", self.work, "commit", "-q", "-m", message)
        return self._push()

    def revert(self) -> str:
        """Take the last commit back by one more; its id."""
        self._git("-C", self.work, "revert", "--no-edit", "HEAD")
        return self._push()

    def _push(self) -> str:
        self._git("-C", self.work, "push", "-q", "origin", "main")
        return self._git("-C", self.work, "rev-parse", "HEAD").strip()

    def _git(self, *words: str | Path) -> str:
        return run(["git", *words], timeout=60, env=_WHO).stdout


@contextmanager
def git_server(repository: Path) -> Iterator[str]:
    """The address of a repository, read over smart HTTP (gitprotocol-http(5)) as source-controller reads it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            service = parse_qs(urlsplit(self.path).query).get("service", [""])[0]
            if not self.path.startswith("/fleet.git/info/refs") or service != "git-upload-pack":
                return self._send(404, "text/plain", b"")
            line = b"# service=git-upload-pack\n"
            head = b"%04x%s0000" % (len(line) + 4, line)
            self._send(200, f"application/x-{service}-advertisement", head + self._pack(b"", "--advertise-refs"))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            self._send(200, "application/x-git-upload-pack-result", self._pack(body))

        def _pack(self, body: bytes, *options: str) -> bytes:
            env = {"GIT_PROTOCOL": self.headers.get("Git-Protocol") or ""}
            argv = ["git", "upload-pack", "--stateless-rpc", *options, str(repository)]
            return run(argv, timeout=60, stdin=body, env=env).raw

        def _send(self, status: int, kind: str, data: bytes) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):  # a controller that is ended waits for no answer
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the screen."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/fleet.git"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def find_controllers() -> dict[str, Path]:
    """Both programs in PATH. Raises `ProgramMissingError`."""
    found = {name: shutil.which(name) for name in _PROGRAMS}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise ProgramMissingError(
            f"program not found: {' and '.join(missing)}",
            hint="`bin/test nightly` builds them into .imagekit/tools/bin.",
        )
    return {name: Path(str(path)) for name, path in found.items()}


def own_crds(module: Path) -> list[dict[str, Any]]:
    """The CRDs of the source-controller that is built from a module of Go: it watches kinds that nobody here uses."""
    argv = ["go", "list", "-m", "-f", "{{.Dir}}", _MODULE]
    where = Path(run(argv, timeout=120, cwd=module, env=dict(os.environ)).stdout.strip())
    paths = sorted((where / "config" / "crd" / "bases").glob("*.yaml"))
    return [each for path in paths for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


@contextmanager
def flux(cluster: Cluster, folder: Path) -> Iterator[Path]:
    """Both controllers at work on a cluster; the folder with their logs."""
    config = cluster.kubeconfig(folder / "kubeconfig")
    ports = [_port() for _ in range(3)]
    env = {"KUBECONFIG": str(config), "RUNTIME_NAMESPACE": "flux-system", "HOME": str(folder)}
    common = ["--metrics-addr=127.0.0.1:0", "--log-level=info", "--interval-jitter-percentage=0"]
    storage = f"127.0.0.1:{ports[0]}"
    (folder / "storage").mkdir()
    options = {
        "source-controller": [
            *(f"--storage-path={folder / 'storage'}", f"--storage-addr={storage}", f"--storage-adv-addr={storage}"),
            f"--health-addr=127.0.0.1:{ports[1]}",
        ],
        "kustomize-controller": ["--requeue-dependency=1s", f"--health-addr=127.0.0.1:{ports[2]}"],
    }
    with ExitStack() as stack:
        for name, program in find_controllers().items():
            argv: list[str | Path] = [program, *common, *options[name]]
            stack.enter_context(background(argv, log=folder / f"{name}.log", env=env, death_signal="KILL"))
        yield folder


def flux_objects(text: bytes, address: str, *, branch: str = "main") -> list[dict[str, Any]]:
    """The rendered ones, with the Git server of the test, and without waiting for machines that no controller makes."""
    made = []
    for each in yaml.safe_load_all(text):
        if each["kind"] == "GitRepository":
            each["spec"] |= {"url": address, "interval": "1s", "ref": {"branch": branch}}
            each["spec"].pop("verify", None)
            each["spec"].pop("secretRef", None)
        elif not each["metadata"]["name"].startswith(_WATCHED):
            continue
        else:
            each["spec"] |= {"wait": False, "timeout": "30s", "retryInterval": "2s"}
            each["spec"].pop("healthChecks", None)
        made.append(each)
    return made


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
