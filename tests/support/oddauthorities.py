"""Authorities that some readers of a trust store take and Go does not, and their neighbours that all take."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from tests.support.authorities import Authority, made, named

GOOD = Authority()
_SAN = x509.ObjectIdentifier("2.5.29.17")
_COMMON_NAME = bytes.fromhex("0603550403")  # the OID; what follows is tag, length, text


def _constrained(*permitted: x509.GeneralName, critical: bool = True) -> bytes:
    more = ((x509.NameConstraints(list(permitted), None), critical),)
    return _pem(made(replace(GOOD, more=more), _key()))


def _named_by(text: str, kind: _ASN1Type) -> bytes:
    """A subject whose text is of one of ASN.1's string types."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text, _type=kind)])
    key, plain = _key(), made(GOOD, _key())
    builder = x509.CertificateBuilder(name, name, key.public_key(), plain.serial_number)
    builder = builder.not_valid_before(plain.not_valid_before_utc).not_valid_after(plain.not_valid_after_utc)
    for each in plain.extensions:
        builder = builder.add_extension(each.value, each.critical)
    return _pem(builder.sign(key, SHA256()))


def _retagged(text: str, tag: int) -> bytes:
    """A subject with a tag that the library itself would not write, signed over again."""
    key = _key()
    tbs = made(replace(GOOD, name=text), key).tbs_certificate_bytes
    plain = _COMMON_NAME + bytes((12, len(text))) + text.encode()
    tbs = tbs.replace(plain, _COMMON_NAME + bytes((tag, len(text))) + text.encode())
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    signature = b"\0" + key.sign(tbs, ec.ECDSA(SHA256()))
    body = tbs + algorithm + b"\x03" + bytes((len(signature),)) + signature
    der = b"\x30\x82" + len(body).to_bytes(2, "big") + body
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


def _alternative(value: x509.ExtensionType) -> bytes:
    return _pem(made(replace(GOOD, more=((value, False),)), _key()))


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


# Each with what the rule says of it; empty for what is taken.
ODD: dict[str, tuple[Callable[[], bytes], str]] = {
    "a good one": (lambda: _pem(made(GOOD, _key())), ""),
    "names that all constrain": (
        lambda: _constrained(
            x509.DNSName("corp.example"),
            x509.RFC822Name(".corp.example"),
            x509.UniformResourceIdentifier(".corp.example"),
            x509.IPAddress(ip_network("10.0.0.0/8")),
        ),
        "",
    ),
    "a directory name": (lambda: _constrained(x509.DirectoryName(named("x"))), "nameConstraints are of DirectoryName"),
    "a directory name beside a domain": (
        lambda: _constrained(x509.DNSName("a.example"), x509.DirectoryName(named("x"))),
        "nameConstraints are of DirectoryName",
    ),
    "a directory name that is not critical": (
        lambda: _constrained(x509.DirectoryName(named("x")), critical=False),
        "",
    ),
    "a registered id": (
        lambda: _constrained(x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))),
        "nameConstraints are of RegisteredID",
    ),
    "an address as URI": (
        lambda: _constrained(x509.UniformResourceIdentifier("10.0.0.1")),
        "the address 10.0.0.1 as URI",
    ),
    "a UniversalString": (lambda: _named_by("Bank", _ASN1Type.UniversalString), "its subject holds a UniversalString"),
    "a VisibleString": (lambda: _named_by("Bank", _ASN1Type.VisibleString), "its subject holds a VisibleString"),
    "a BMPString": (lambda: _named_by("Bank", _ASN1Type.BMPString), ""),
    "a T61String": (lambda: _named_by("Bank", _ASN1Type.T61String), ""),
    "a name of another script": (lambda: _pem(made(replace(GOOD, name="株式会社 Bänk"), _key())), ""),
    "an underscore in a PrintableString": (lambda: _retagged("a_b", 19), "AttributeValue::PrintableString"),
    "an at sign in a PrintableString": (lambda: _retagged("ca@b", 19), "AttributeValue::PrintableString"),
    "a domain that is not ASCII": (
        lambda: _alternative(x509.UnrecognizedExtension(_SAN, b"\x30\x06\x82\x04b\xc3\xa4n")),
        "its subjectAltName hold 'b\\xe4n'",
    ),
    "a URI that is none": (
        lambda: _alternative(x509.SubjectAlternativeName([x509.UniformResourceIdentifier("http://[bad/%zz")])),
        "which is no URI",
    ),
}
