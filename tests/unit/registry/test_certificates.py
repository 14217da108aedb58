"""An authority of one's own for one registry, in the folder where docker looks for it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.registry.address import Place
from imagekit.registry.certificates import context_for
from imagekit.registry.errors import InsecureAddressError
from tests.support.certificates import loopback_certificate
from tests.support.registry import simulated_registry

HERE = Place("https", "r.example", 443)


def authorities(context: ssl.SSLContext) -> list[str]:
    """The subjects of what a context trusts."""
    return [str(each["subject"]) for each in context.get_ca_certs()]


@pytest.mark.parametrize("name", ["r.example", "r.example:443"])
@pytest.mark.parametrize("rootless", [False, True])
def test_the_folder_of_docker(tmp_path: Path, name: str, rootless: bool) -> None:
    certificate, _ = loopback_certificate(tmp_path)
    system = tmp_path / "certs.d"
    folder = (tmp_path / "home/.config/docker/certs.d" if rootless else system) / name
    folder.mkdir(parents=True)
    (folder / "ca.crt").write_bytes(certificate.read_bytes())
    environ = {"HOME": str(tmp_path / "home")}
    assert any("simulated registry" in each for each in authorities(context_for(HERE, environ, system)))
    for other in (
        Place("https", "r.example", 5000),
        Place("https", "example", 443),
        Place("https", "r.example.evil", 443),
    ):
        assert not any("simulated registry" in each for each in authorities(context_for(other, environ, system)))


def test_a_certificate_of_the_client(tmp_path: Path) -> None:
    loopback_certificate(tmp_path)
    folder = tmp_path / "certs.d" / "r.example"
    folder.mkdir(parents=True)
    (folder / "client.cert").write_bytes((tmp_path / "server.crt").read_bytes())
    with pytest.raises(ConfigError, match=r"client\.cert"):
        context_for(HERE, {}, tmp_path / "certs.d")
    (folder / "client.key").write_bytes((tmp_path / "server.key").read_bytes())
    context_for(HERE, {}, tmp_path / "certs.d")


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "certs.d" / "r.example"
    folder.mkdir(parents=True)
    (folder / "ca.crt").write_text("no certificate")
    with pytest.raises(ConfigError, match=r"r\.example/ca\.crt is not a certificate"):
        context_for(HERE, {}, tmp_path / "certs.d")


def test_a_registry_with_such_an_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, context = loopback_certificate(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with simulated_registry(tls=context) as world:
        folder = tmp_path / "config/docker/certs.d" / world.address
        folder.mkdir(parents=True)
        with world.client(tls=True) as client, pytest.raises(InsecureAddressError, match="not accepted") as caught:
            client.ping()
        assert f"/etc/docker/certs.d/{world.address}" in caught.value.hint
        (folder / "ca.crt").write_bytes(certificate.read_bytes())
        with world.client(tls=True) as client:
            client.ping()
