"""Passwords given to imagekit are searched for where they must not be: processes, output, work folder, registry."""

from __future__ import annotations

import base64
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import pytest

from imagekit.base.process import run
from imagekit.oci.reference import Reference
from imagekit.registry.client import Registry
from imagekit.registry.referrers import attach_bundle
from imagekit.registry.transfer import push_image
from imagekit.trust.evidence.statement import signature_statement
from imagekit.trust.sign.keys import PASSWORD_VARIABLE, KeyStore
from tests.support.dockerregistry import DockerRegistry
from tests.support.images import write_image
from tests.support.project import git, make_project
from tests.support.release import provenance

pytestmark = [pytest.mark.registry, pytest.mark.attack]
KEY_SECRET, REGISTRY_SECRET = "canary-of-the-key-4711", "canary-of-the-registry-4712"
SECRETS = tuple(
    form
    for secret in (KEY_SECRET, REGISTRY_SECRET, f"publisher:{REGISTRY_SECRET}")
    for form in (secret.encode(), base64.b64encode(secret.encode()).rstrip(b"="))
)
POLICY = """\
version: 1
publish: {embedded: true}
channels:
  dev: {embedded: true, tests: null, sbom: [], provenance: {required: false}}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DockerRegistry]:
    users = tmp_path / "htpasswd"
    users.write_text(f"publisher:{bcrypt.hashpw(REGISTRY_SECRET.encode(), bcrypt.gensalt(4)).decode()}\n")
    settings = {"auth": {"htpasswd": {"realm": "tests", "path": str(users)}}}
    with DockerRegistry(tmp_path / "registry", settings=settings) as running:
        yield running


@contextmanager
def watched(seen: list[bytes]) -> Iterator[None]:
    """Keep command line and environment of every process started meanwhile; imagekit itself may know what it got."""
    before, over = set(_processes()), threading.Event()

    def look() -> None:
        while not over.wait(0.005):
            for pid in set(_processes()) - before:
                seen.append(_read(pid, "cmdline"))
                if b"imagekit.cli" not in seen[-1]:
                    seen.append(_read(pid, "environ"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _processes() -> list[str]:
    return [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit() and int(entry.name) != os.getpid()]


def _read(pid: str, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def leaks(*places: Path) -> list[Path]:
    """Files below some places that hold a secret in any form."""
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return [path for path in files if any(secret in path.read_bytes() for secret in SECRETS)]


def test_no_password_is_left_anywhere(server: DockerRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker, root = tmp_path / "docker", tmp_path / "project"
    docker.mkdir()
    auth = base64.b64encode(f"publisher:{REGISTRY_SECRET}".encode()).decode()
    (docker / "config.json").write_text(json.dumps({"auths": {server.address: {"auth": auth}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(docker))
    root.mkdir()
    make_project(root)
    (root / "policy.yaml").write_text(POLICY)
    with socket.create_server(("127.0.0.1", 0)) as free:
        own = f"127.0.0.1:{free.getsockname()[1]}"
    (root / "imagekit.yaml").write_text(
        f"version: 1\nregistry: {own}\nchannel_repositories: {{dev: '{server.address}/imagekit/dev'}}\n"
    )
    git(root, "config", "user.email", "ann@example.org")
    git(root, "add", "-A")
    git(root, "-c", "user.name=Ann", "commit", "-qm", "policy")
    signer = KeyStore(root / ".imagekit" / "keys", environ={PASSWORD_VARIABLE: KEY_SECRET}).signer()
    image = write_image(tmp_path / "oci", labels={"org.opencontainers.image.version": "v1"})
    home = Reference(server.address, "imagekit/small-node", "v1")
    with Registry(server.address) as client:
        push_image(image.layout, image.digest, home, client)
        manifest = client.manifest(home.repository, image.digest)
        names_it = provenance(image.digest, embedded=True, image="small-node", version="v1")
        for said in (signature_statement(image.digest), names_it):
            bundle = signer.sign(said)
            attach_bundle(client, home.repository, manifest.descriptor, bundle, predicate_type=said.predicate_type)
        client.put_manifest(home.repository, manifest, "v1")
    seen: list[bytes] = []
    code = "import sys; sys.argv[0] = 'imagekit'; from imagekit.cli import main; main()"
    with watched(seen):
        argv = [sys.executable, "-c", code, "-v", "--project", str(root), "promote", str(home), "--to", "dev"]
        done = run(argv, timeout=120, env={PASSWORD_VARIABLE: KEY_SECRET, "DOCKER_CONFIG": str(docker)}, ok=range(256))
    assert done.returncode == 0, done.stderr
    assert any(b"git" in each for each in seen), "processes were watched"
    assert not [each for each in seen if any(secret in each for secret in SECRETS)]
    assert not any(secret in (done.stdout + done.stderr).encode() for secret in SECRETS)
    assert leaks(root, tmp_path / "registry") == []


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" + base64.b64encode(f"publisher:{REGISTRY_SECRET}".encode()))
    assert leaks(tmp_path) == [tmp_path / "log"]
