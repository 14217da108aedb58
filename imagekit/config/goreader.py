"""Certificates that Go's crypto/x509 does not read, or with which it refuses every chain, and that others take.

k0s and containerd are written in Go. Its rules: parser.go and verify.go of crypto/x509 (Go 1.24), held against that
reader by a test.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from cryptography import x509

# Tags of the string types that parser.go knows: UTF8, Numeric, Printable, T61, IA5, BMP.
_STRINGS = frozenset((12, 18, 19, 20, 22, 30))
_KINDS = {26: "VisibleString", 28: "UniversalString", 3: "BIT STRING", 4: "OCTET STRING"}
_EC_KEY = bytes.fromhex("06072a8648ce3d0201")  # id-ecPublicKey; the name of a curve follows, an OBJECT IDENTIFIER
_OBJECT_IDENTIFIER = 6
_CONSTRAINED = (x509.DNSName, x509.IPAddress, x509.RFC822Name, x509.UniformResourceIdentifier)
_TEXTS = (x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier)
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def unread_by_go(certificate: x509.Certificate, extensions: x509.Extensions) -> Iterator[str]:
    """Why Go does not take a certificate, each reason with what stands in its way."""
    yield from _names(certificate)
    yield from _curve(certificate)
    for each in extensions:
        match each.value:
            case x509.NameConstraints():
                yield from _constraints(each.value, critical=each.critical)
            case x509.SubjectAlternativeName():
                yield from _alternatives(each.value)


def _names(certificate: x509.Certificate) -> Iterator[str]:
    for what, name in {certificate.issuer: "issuer", certificate.subject: "subject"}.items():
        # There is no public accessor of the type.
        tags: set[int] = {each._type.value for each in what}
        for tag in sorted(tags - _STRINGS):
            yield f"its {name} holds a {_KINDS.get(tag, f'string of type {tag}')}, which Go does not read"


def _curve(certificate: x509.Certificate) -> Iterator[str]:
    """A curve that is written out in figures instead of by its name (openssl ecparam -param_enc explicit)."""
    tbs = certificate.tbs_certificate_bytes
    at = tbs.find(_EC_KEY)
    if at >= 0 and tbs[at + len(_EC_KEY)] != _OBJECT_IDENTIFIER:
        yield "its key has the curve written out in figures and not by its name, and Go does not read it"


def _constraints(value: x509.NameConstraints, *, critical: bool) -> Iterator[str]:
    subtrees = [*(value.permitted_subtrees or ()), *(value.excluded_subtrees or ())]
    others = sorted({type(each).__name__ for each in subtrees if not isinstance(each, _CONSTRAINED)})
    if others and critical:
        kinds = ", ".join(others)
        yield f"its critical nameConstraints are of {kinds}, which Go does not process, so it refuses every chain"
    for each in subtrees:
        if isinstance(each, x509.UniformResourceIdentifier) and _is_address(each.value):
            yield f"its nameConstraints hold the address {each.value} as URI, and Go does not read it"
    yield from _ascii("nameConstraints", subtrees)


def _alternatives(value: x509.SubjectAlternativeName) -> Iterator[str]:
    yield from _ascii("subjectAltName", value)
    for uri in value.get_values_for_type(x509.UniformResourceIdentifier):
        try:
            bad = _ESCAPE.search(uri) is not None or not urlsplit(uri)
        except ValueError:
            bad = True
        if bad:
            yield f"its subjectAltName holds {uri[:80]!a}, which is no URI, and Go does not read it"


def _ascii(what: str, names: Iterable[x509.GeneralName]) -> Iterator[str]:
    for each in names:
        if isinstance(each, _TEXTS) and not each.value.isascii():
            yield f"its {what} hold {each.value[:80]!a}, not in ASCII (a domain: xn--...): Go does not read it"


def _is_address(text: str) -> bool:
    try:
        ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True
