"""Certificates out of a file as people have it: PEM or DER, one or many, with comments in any encoding around them."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Iterator
from contextlib import suppress

# RFC 7468, read as leniently as OpenSSL does: any line ends, any text between the blocks.
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_CERTIFICATES = (b"CERTIFICATE", b"X509 CERTIFICATE")
_OTHERS = {
    b"TRUSTED CERTIFICATE": "holds a TRUSTED CERTIFICATE of OpenSSL, whose limits other readers do not know",
    b"PKCS7": "is a PKCS #7 bundle; take the certificates out with openssl pkcs7 -print_certs",
    b"CMS": "is a CMS bundle; take the certificates out first",
    b"CERTIFICATE REQUEST": "holds a request for a certificate, not a certificate",
    b"NEW CERTIFICATE REQUEST": "holds a request for a certificate, not a certificate",
}
# A line that begins with #: in OpenSSL's own bundles a comment, so that a block in such lines is none.
_COMMENT = re.compile(rb"^[ \t]*#[^\r\n]*", re.MULTILINE)
_SEQUENCE, _LONG_FORM, _SHORTEST = 0x30, 0x80, 4
_CONTAINERS = (
    (
        bytes.fromhex("06092a864886f70d010702"),  # signedData
        "is a PKCS #7 bundle in DER form; take the certificates out with openssl pkcs7 -inform DER -print_certs",
    ),
    (
        bytes.fromhex("06092a864886f70d010701"),  # data, which a PFX begins with
        "is a PKCS #12 file, which may hold a private key; take the certificates out with openssl pkcs12 -nokeys",
    ),
)


class BadBlockError(ValueError):
    """A file that holds something else than certificates, or a damaged one; the text says what."""


def der_certificates(data: bytes) -> tuple[bytes, ...]:
    """The DER form of each certificate, in the order of the file; raises `BadBlockError`."""
    data = _text_of(data)
    if b"-----BEGIN" not in data:
        if data[:1] == b"\x30":
            return tuple(_concatenated(data))
        raise BadBlockError("holds no certificate, neither in PEM nor in DER form")
    data = _COMMENT.sub(b"", data)
    if b"-----BEGIN" not in data:
        raise BadBlockError("holds no certificate but in lines that are comments (#)")
    if b"-----\\n" in data:
        raise BadBlockError(r"has its line ends written as \n, as out of JSON or Terraform; write lines: printf '%b'")
    if b"PRIVATE KEY-----" in data:
        raise BadBlockError("holds a private key; keep only the certificate here, and treat the key as lost to others")
    blocks = _BLOCK.findall(data)
    if len(blocks) != data.count(b"-----BEGIN "):
        raise BadBlockError("has a block that does not end: a BEGIN line without its END line")
    for label, _ in blocks:
        if label not in _CERTIFICATES:
            raise BadBlockError(_OTHERS.get(label, f"holds a block of another kind ({label.decode()})"))
    return tuple(_decoded(body, number) for number, (_, body) in enumerate(blocks, 1))


def _concatenated(data: bytes) -> Iterator[bytes]:
    """Certificates in DER form one after another, as `cat` makes it; white space at the end is somebody's editor's."""
    number = 0
    while data.strip(b"\r\n\t \0"):
        number += 1
        for mark, what in _CONTAINERS:
            if data[:40].find(mark) > 0:
                raise BadBlockError(what)
        size = _der_size(data)
        if not 0 < size <= len(data):
            raise BadBlockError(f"certificate {number} is damaged, or no certificate: it ends before its time")
        yield data[:size]
        data = data[size:]


def _der_size(data: bytes) -> int:
    """Bytes of the sequence that data begins with (X.690, 8.1.3); 0 for what is none."""
    if len(data) < _SHORTEST or data[0] != _SEQUENCE:
        return 0
    if data[1] < _LONG_FORM:
        return 2 + data[1]
    octets = data[1] - _LONG_FORM
    return 2 + octets + int.from_bytes(data[2 : 2 + octets], "big")


def bundle_certificates(data: bytes) -> frozenset[bytes]:
    """The DER form of every certificate of a system's bundle; as its readers do, this leaves out what is damaged."""
    found = []
    for label, body in _BLOCK.findall(data):
        if label in _CERTIFICATES:
            with suppress(binascii.Error):
                found.append(base64.b64decode(b"".join(body.split()), validate=True))
    return frozenset(found)


def _text_of(data: bytes) -> bytes:
    """Without the byte order mark of an editor; UTF-16 becomes bytes of ASCII as far as it is."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace").encode("ascii", "replace")
    return data.removeprefix(codecs.BOM_UTF8)


def _decoded(body: bytes, number: int) -> bytes:
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error as error:
        raise BadBlockError(f"certificate {number} is damaged: {error}") from None
