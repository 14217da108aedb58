"""Every certificate of an image with its end: those that we brought, and the distribution's authorities."""

from __future__ import annotations

import base64
import binascii
import re
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.utils import CryptographyDeprecationWarning

from imagekit.artifact.inventory import Inventory, take_inventory
from imagekit.base.text import one_line
from imagekit.config.certfile import bundle_certificates
from imagekit.inventory.horizon import Expiry, Place
from imagekit.oci.reference import Digest

_BUNDLES = ("etc/ssl/certs/ca-certificates.crt", "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem")
# What the distribution's packages bring: counted through the bundle that is made of it.
_THEIRS = re.compile(
    r"etc/ssl/certs/.*|etc/pki/ca-trust/extracted/.*|usr/share/ca-certificates/mozilla/.*|usr/share/(pki|doc)/.*"
)
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_END = b"-----END CERTIFICATE-----"
# A program that looks for certificates has the words too: they count alone on a line, or before what one begins with.
_MARK = re.compile(rb"^[ \t]*-----BEGIN CERTIFICATE-----[ \t]*\r?$|-----BEGIN CERTIFICATE-----(?=\s*MI)", re.MULTILINE)
_ESCAPED = re.compile(rb"(\\r)?\\n")  # lines' ends inside of a string of JSON or YAML
_LONGEST = 1 << 20  # bytes of one certificate
_NAMES = r".*\.(crt|cer|pem|der)"
_KEEP = re.compile(rf"(etc|opt|oem|srv|system|usr/local|usr/share/ca-certificates|usr/lib/ssl|var/lib)/{_NAMES}")


def certificates_of(layout: Path, manifest: Digest) -> tuple[Expiry, ...]:
    """What ends in an image; each certificate once, under the first path that has it.

    Raises `ImageContentError` when a blob is not what its digest says.
    """
    contents, seen = take_inventory(layout, manifest, keep=_KEEP), set[str]()
    return tuple(_each(contents, seen))


def expiries(data: bytes, place: Place, where: str, seen: set[str]) -> Iterator[Expiry]:
    """The certificates of a file, those not `seen` yet; keys and requests beside them are none, and tell nothing.

    A block that says it is a certificate and cannot be read is reported as such: it may be one that a program needs.
    """
    if _BEGIN not in data:
        # DER: keys begin in the same way, so only a name tells that a certificate was meant.
        if data.startswith((b"\x30\x81", b"\x30\x82")) and where.endswith((".crt", ".cer")):
            yield from _one(data, place, where, seen)
        return
    data = _ESCAPED.sub(b"\n", data) if _ESCAPED.search(data, data.index(_BEGIN)) else data
    for found in _MARK.finditer(data):
        body, end, _ = data[found.end() : found.end() + _LONGEST].partition(_END)
        try:
            if not end or _BEGIN in body:
                problem = "a BEGIN CERTIFICATE line without its END line"
                yield Expiry(place=place, what="certificate", where=where, until=None, problem=problem)
            else:
                yield from _one(base64.b64decode(b"".join(body.split()), validate=True), place, where, seen)
        except binascii.Error as error:
            yield Expiry(place=place, what="certificate", where=where, until=None, problem=f"damaged: {error}")


def _each(contents: Inventory, seen: set[str]) -> Iterator[Expiry]:
    for path, data in sorted(contents.contents.items()):
        if not _THEIRS.fullmatch(path):
            yield from expiries(data, Place.IMAGE, f"/{path}", seen)
    for path in _BUNDLES:
        for der in sorted(bundle_certificates(contents.contents.get(path, b""))):
            yield from _one(der, Place.BUNDLE, f"/{path}", seen)


def _one(der: bytes, place: Place, where: str, seen: set[str]) -> Iterator[Expiry]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # what is old is listed all the same
            certificate = x509.load_der_x509_certificate(der)
            until: datetime = certificate.not_valid_after_utc
            since = certificate.not_valid_before_utc
            name = one_line(certificate.subject.rfc4514_string()) or "certificate without a name"
            mark = certificate.fingerprint(SHA256()).hex()
    except (ValueError, x509.InvalidVersion) as error:
        if place is not Place.BUNDLE:
            yield Expiry(place=place, what="certificate", where=where, until=None, problem=one_line(str(error)))
        return
    if mark not in seen:
        seen.add(mark)
        what = f"{name} (sha256:{mark[:12]})"
        if until <= since:
            yield Expiry(place=place, what=what, where=where, until=None, problem="ends before it begins")
        else:
            yield Expiry(place=place, what=what, where=where, until=until, since=since)
