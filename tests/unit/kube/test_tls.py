"""Whom a client trusts: an authority that another one signed is enough, and no other one is."""

from __future__ import annotations

import http.client
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from imagekit.checks.tlspeer import both_peers
from imagekit.fixtures.certificates import authority
from imagekit.kube.tls import trusting

CA = Path(__file__).parents[3] / "vm-harness/fixtures/ca"


def test_an_intermediate_authority_of_a_kubeconfig_is_trusted_as_kubectl_does() -> None:
    issuing = authority(CA)[0]
    assert issuing.issuer != issuing.subject
    context = trusting(issuing.public_bytes(Encoding.PEM))
    with both_peers(CA, "127.0.0.1") as peers:
        assert _status(peers.trusted.port, context) == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            _status(peers.untrusted.port, context)


def _status(port: int, context: ssl.SSLContext) -> int:
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=context)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()
