"""TLS: an own CA is accepted when named, everything else is refused with its reason and without a retry."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.registry.errors import InsecureAddressError, RegistryUnavailableError
from tests.support.certificates import loopback_certificate
from tests.support.registry import simulated_registry

pytestmark = pytest.mark.attack


def test_certificate_of_a_named_ca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, context = loopback_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with simulated_registry(tls=context) as world, world.client(tls=True) as client:
        client.ping()


def test_unknown_ca(tmp_path: Path) -> None:
    _, context = loopback_certificate(tmp_path)
    with (
        simulated_registry(tls=context) as world,
        world.client(tls=True) as client,
        pytest.raises(InsecureAddressError, match="self-signed") as caught,
    ):
        client.ping()
    assert "SSL_CERT_FILE" in caught.value.hint


def test_expired_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, context = loopback_certificate(tmp_path, days=-1)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with (
        simulated_registry(tls=context) as world,
        world.client(tls=True) as client,
        pytest.raises(InsecureAddressError, match="expired"),
    ):
        client.ping()


def test_certificate_that_is_not_valid_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, context = loopback_certificate(tmp_path, days=32)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with (
        simulated_registry(tls=context) as world,
        world.client(tls=True) as client,
        pytest.raises(InsecureAddressError, match="not yet valid"),
    ):
        client.ping()


def test_plain_server_where_tls_is_expected() -> None:
    with (
        simulated_registry() as world,
        world.client(tls=True) as client,
        pytest.raises(RegistryUnavailableError, match=world.address),
    ):
        client.ping()
