"""Real registries behind passwords, tokens and a certificate of one's own, on distribution 2.8 and 3."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from imagekit.oci.reference import Reference
from imagekit.registry.client import Registry
from imagekit.registry.errors import AccessDeniedError, InsecureAddressError
from imagekit.registry.transfer import copy_image, push_image
from imagekit.trust.verify import verify_content
from tests.support.certificates import loopback_certificate
from tests.support.dockerregistry import DockerRegistry
from tests.support.images import write_image
from tests.support.tokenserver import token_server

pytestmark = [pytest.mark.registry, pytest.mark.attack]
USER, PASSWORD = "publisher", "correct horse battery staple"


def login(folder: Path, server: DockerRegistry, password: str = PASSWORD) -> None:
    """What `docker login` leaves in the configuration file of docker."""
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"auths": {server.address: {"auth": auth}}}))


@pytest.fixture
def docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "docker"
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder


@pytest.fixture
def closed(tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerRegistry]:
    """A registry with htpasswd and a certificate of its own authority."""
    certificate, _ = loopback_certificate(tmp_path)
    users = tmp_path / "htpasswd"
    users.write_text(f"{USER}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n")
    settings: dict[str, Any] = {
        "auth": {"htpasswd": {"realm": "tests", "path": str(users)}},
        "tls": {"certificate": str(certificate), "key": str(tmp_path / "server.key")},
    }
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with DockerRegistry(tmp_path / "registry", program=program, settings=settings) as server:
        yield server


def round_trip(server: DockerRegistry, tmp_path: Path, *, tls: bool | None = None) -> None:
    """Push, copy to another repository and read back."""
    image = write_image(tmp_path / "oci")
    here, there = Reference(server.address, "team/node"), Reference(server.address, "team/other")
    with Registry(server.address, tls=tls) as client:
        push_image(image.layout, image.digest, here, client)
        assert copy_image(here, image.digest, there, client, client).sent_bytes == 0
        assert verify_content(client, there.repository, image.digest).satisfied


def test_password_and_own_authority(closed: DockerRegistry, docker_config: Path, tmp_path: Path) -> None:
    login(docker_config, closed)
    round_trip(closed, tmp_path, tls=True)


def test_a_wrong_password_is_said_and_not_repeated(closed: DockerRegistry, docker_config: Path) -> None:
    login(docker_config, closed, "wrong")
    with Registry(closed.address, tls=True) as client, pytest.raises(AccessDeniedError) as caught:
        client.ping()
    assert "wrong" not in f"{caught.value} {caught.value.hint}".replace("wrong user", "")


def test_an_unknown_authority_is_refused(
    closed: DockerRegistry, docker_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login(docker_config, closed)
    monkeypatch.delenv("SSL_CERT_FILE")
    with Registry(closed.address, tls=True) as client, pytest.raises(InsecureAddressError, match="not accepted"):
        client.ping()


def test_tokens_are_fetched_for_each_repository(
    program: str, docker_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = {"team/node": ["pull", "push"], "team/other": ["pull", "push"], "team/closed": ["pull"]}
    with (
        token_server(tmp_path, {USER: PASSWORD}, allowed) as auth,
        DockerRegistry(tmp_path / "registry", program=program, settings={"auth": auth}) as server,
    ):
        monkeypatch.setenv("IMAGEKIT_REGISTRY_TOKEN_HOSTS", auth["token"]["realm"].split("/")[2])
        login(docker_config, server)
        round_trip(server, tmp_path)
        image = write_image(tmp_path / "oci")
        with Registry(server.address) as client, pytest.raises(AccessDeniedError):
            push_image(image.layout, image.digest, Reference(server.address, "team/closed"), client)
        login(docker_config, server, "wrong")
        with Registry(server.address) as client, pytest.raises(AccessDeniedError):
            client.tags("team/node")
