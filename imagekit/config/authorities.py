"""Which certificates become authorities of a node: the one rule, used by `config check`, `plan`, build and node checks.

A node has several readers of its trust store: OpenSSL (curl, SSSD), Go's crypto/x509 (k0s, containerd), Python, and
Java where it is there. What one of them would pass over or refuse is refused here, so that all see the same set.
images/ca-trust/README.md tells the rule to people. Files are read as bytes, in whatever wrapping they come; what enters
the store is written anew.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtensionOID, PublicKeyAlgorithmOID

from imagekit.base.errors import ConfigError
from imagekit.config.certfile import BadBlockError, der_certificates
from imagekit.config.engine import name_of
from imagekit.config.goreader import unread_by_go

_RULE = "The rule is written in images/ca-trust/README.md."
MINIMUM_DAYS = 30
RSA_BITS = range(2048, 8193)  # crypto/tls refuses RSA keys above 8192 bits
CURVES = ("secp256r1", "secp384r1", "secp521r1")  # those that crypto/x509 verifies with; P-224 is too weak
SHA2 = ("sha256", "sha384", "sha512")
# Critical extensions of a CA certificate that every reader processes; with another one Go refuses every chain.
_KNOWN_CRITICAL = (
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.NAME_CONSTRAINTS,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.CERTIFICATE_POLICIES,
)
E = TypeVar("E", bound=x509.ExtensionType)


class AuthorityError(ConfigError):
    """A declared authority that is not taken, by the rule or by the clock."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate that passed the rule: the file it came from, its number in that file from 1, and of how many."""

    path: Path
    number: int
    count: int
    certificate: x509.Certificate

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate's DER form, in hex."""
        return self.certificate.fingerprint(SHA256()).hex()

    @property
    def pem(self) -> bytes:
        """The canonical text: nothing but the certificate, in lines of 64 characters."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        """The certificate's own bytes."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def name(self) -> str:
        """A file name of its own below the layer, without ending."""
        return self.path.stem if self.count == 1 else f"{self.path.stem}-{self.number}"

    def __str__(self) -> str:
        return _title(self.path, self.number, self.certificate)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One certificate, or a file, that is not taken."""

    what: str
    reason: str

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


def read_authorities(folder: Path, patterns: Sequence[str], *, now: datetime | None = None) -> tuple[Authority, ...]:
    """The authorities that a layer declares; raise `AuthorityError` that names each file, certificate and reason.

    `now` holds the times of validity against that moment too; without it nothing here depends on the clock.
    """
    authorities, refused = judged(folder, patterns, now=now)
    if refused:
        layer, others = name_of(folder), [f"also {each}" for each in refused[1:20]]
        where = f"It is in images/{layer}: put one that is taken in its place, or remove it."
        raise AuthorityError(
            f"layer {layer}: {len(refused)} of the declared authorities cannot be taken: {refused[0]}",
            hint="\n".join([*others, where, _RULE]),
        )
    return authorities


def judged(
    folder: Path, patterns: Sequence[str], *, now: datetime | None = None
) -> tuple[tuple[Authority, ...], tuple[Refusal, ...]]:
    """What passes the rule, and what does not."""
    found: list[Authority] = []
    refused: list[Refusal] = []
    for path in _files(folder, patterns, refused):
        try:
            found += _of_file(path)
        except (BadBlockError, OSError) as error:
            refused.append(Refusal(path.name, str(error)))
    refused += [Refusal(str(each), reason) for each in found for reason in _faults(each.certificate, now)]
    refused += _repeated(found)
    refused += [Refusal(str(each), reason) for each in found if (reason := _unanchored(each.certificate, found))]
    return tuple(found), tuple(refused)


def content_id(authorities: Iterable[Authority]) -> str:
    """Names a set of authorities by names and content."""
    lines = sorted(f"{each.name} {each.fingerprint}\n" for each in authorities)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _files(folder: Path, patterns: Sequence[str], refused: list[Refusal]) -> list[Path]:
    files: set[Path] = set()
    for pattern in patterns:
        some = {path for path in folder.glob(pattern) if path.is_file() and path.name != ".gitkeep"}
        if not some:
            refused.append(Refusal(pattern, "no such file in the layer"))
        files |= some
    return sorted(files)


def _of_file(path: Path) -> list[Authority]:
    blobs = der_certificates(path.read_bytes())
    certificates = []
    for number, der in enumerate(blobs, 1):
        try:
            with warnings.catch_warnings():  # a serial number that is not positive is judged below
                warnings.simplefilter("ignore", CryptographyDeprecationWarning)
                certificates.append(x509.load_der_x509_certificate(der))
        except ValueError as error:
            raise BadBlockError(f"certificate {number} is not an X.509 certificate: {error}") from None
    return [Authority(path, number, len(blobs), each) for number, each in enumerate(certificates, 1)]


def _title(path: Path, number: int, certificate: x509.Certificate) -> str:
    return f"{path.name}, certificate {number} ({_subject(certificate) or 'no subject'})"


def _subject(certificate: x509.Certificate) -> str:
    try:
        return certificate.subject.rfc4514_string()
    except ValueError:
        return "unreadable subject"


def _faults(certificate: x509.Certificate, now: datetime | None) -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            if certificate.serial_number < 0:
                yield "its serial number is negative, and Go does not read it"
            extensions = certificate.extensions
            yield from unread_by_go(certificate, extensions)
    except (ValueError, x509.DuplicateExtension) as error:
        yield f"it cannot be read whole: {error}"
        return
    if not _subject(certificate):
        yield "it has no subject"
    yield from _authority_faults(extensions)
    yield from _key_faults(certificate)
    yield from _signature_faults(certificate)
    yield from time_faults(certificate, now) if now is not None else ()


def _authority_faults(extensions: x509.Extensions) -> Iterator[str]:
    """Python from 3.13 on verifies strictly (RFC 5280), so what that asks of a CA certificate is asked of all."""
    if (constraints := _extension(extensions, x509.BasicConstraints)) is None or not constraints.value.ca:
        yield "it is not a CA (basicConstraints does not say CA:TRUE)"
        return
    if not constraints.critical:
        yield "basicConstraints is not critical, and Python 3.13 refuses every chain to it"
    usage = _extension(extensions, x509.KeyUsage)
    if usage is None:
        yield "it has no keyUsage, and Python 3.13 refuses every chain to it"
    elif not usage.value.key_cert_sign:
        yield "it may not sign certificates (keyUsage lacks keyCertSign)"
    if _extension(extensions, x509.SubjectKeyIdentifier) is None:
        yield "it has no subjectKeyIdentifier, and Python 3.13 refuses every chain to it"
    for oid in [each.oid for each in extensions if each.critical and each.oid not in _KNOWN_CRITICAL]:
        yield f"its critical extension {oid.dotted_string} is one that Go does not process, so it refuses every chain"


def _extension(extensions: x509.Extensions, kind: type[E]) -> x509.Extension[E] | None:
    try:
        return extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _key_faults(certificate: x509.Certificate) -> Iterator[str]:
    if certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS:
        yield "its key is for RSA-PSS alone (id-RSASSA-PSS), and Go cannot verify with it; a plain RSA key may sign so"
        return
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        yield f"its key cannot be read: {error}"
        return
    match key:
        case rsa.RSAPublicKey():
            if key.key_size not in RSA_BITS:
                yield f"its RSA key has {key.key_size} bits, wanted {RSA_BITS.start} to {RSA_BITS.stop - 1}"
        case ec.EllipticCurvePublicKey():
            if key.curve.name not in CURVES:
                yield f"its key is on the curve {key.curve.name}, wanted P-256, P-384 or P-521"
        case ed25519.Ed25519PublicKey():
            pass
        case _:
            yield f"its key is of a kind that not every reader knows ({type(key).__name__}): RSA, EC or Ed25519"


def _signature_faults(certificate: x509.Certificate) -> Iterator[str]:
    """Nobody checks the signature of a root, so SHA-1 does no harm there; that of an intermediate carries trust."""
    self_signed = certificate.subject == certificate.issuer
    try:
        algorithm = certificate.signature_hash_algorithm
        name = algorithm.name if algorithm is not None else None
        parameters = certificate.signature_algorithm_parameters
    except (UnsupportedAlgorithm, ValueError) as error:
        yield f"its signature is of a kind that is not known: {error}"
        return
    allowed = (*SHA2, "sha1") if self_signed and not isinstance(parameters, padding.PSS) else SHA2
    if name is not None and name not in allowed:
        yield f"it is signed with {name.upper()}, wanted SHA-256, SHA-384 or SHA-512"
    elif isinstance(parameters, padding.PSS):
        yield from _pss_faults(parameters, name)
    if self_signed and not _signs(certificate, certificate):
        yield "its signature is not its own, although it names itself as issuer"


def _pss_faults(parameters: padding.PSS, name: str | None) -> Iterator[str]:
    """crypto/x509 knows PSS with one hash for all and a salt as long as that hash, nothing else (RFC 4055)."""
    # cryptography has no public accessors for these two.
    mask, salt = getattr(parameters.mgf, "_algorithm", None), getattr(parameters, "_salt_length", None)
    sizes = {"sha256": 32, "sha384": 48, "sha512": 64}
    if mask is None or mask.name != name:
        made = mask.name.upper() if mask else "nothing known"
        yield f"its RSA-PSS mask is made with {made}, not with {str(name).upper()}"
    if salt != sizes.get(name or "", -1):
        yield f"its RSA-PSS salt has {salt} bytes, wanted as many as the hash has"


def time_faults(certificate: x509.Certificate, now: datetime) -> Iterator[str]:
    """What is wrong with a certificate's time of validity at a moment."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if end <= now:
        yield f"it expired on {end:%Y-%m-%d}"
    elif end - now < timedelta(days=MINIMUM_DAYS):
        yield f"it expires on {end:%Y-%m-%d}, within {MINIMUM_DAYS} days"
    if start > now:
        yield f"it is not valid before {start:%Y-%m-%d %H:%M} UTC"


def _repeated(found: Sequence[Authority]) -> Iterator[Refusal]:
    first: dict[str, Authority] = {}
    names: dict[str, Authority] = {}
    for each in found:
        if (earlier := first.setdefault(each.fingerprint, each)) is not each:
            yield Refusal(str(each), f"{earlier.path.name}, certificate {earlier.number}, is the same")
        elif (earlier := names.setdefault(each.name, each)) is not each:
            yield Refusal(str(each), f"it would be stored under the name of {earlier.path.name}; rename one of them")


def _unanchored(certificate: x509.Certificate, found: Sequence[Authority]) -> str:
    """OpenSSL trusts an intermediate only up to a root that it trusts too; Go would take it alone."""
    if certificate.subject == certificate.issuer:
        return ""
    if any(_signs(each.certificate, certificate) for each in found if each.certificate is not certificate):
        return ""
    issuer = certificate.issuer.rfc4514_string()
    return f"it is an intermediate, and its issuer ({issuer}) is not among the files; OpenSSL takes whole chains only"


def _signs(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        algorithm = certificate.signature_hash_algorithm
        if algorithm is not None and algorithm.name not in SHA2:
            # The library verifies with no old hash; whether one is taken is judged by itself.
            return issuer.subject == certificate.issuer
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
