"""Bundles signed without a key of one's own: a short-lived certificate for an identity, verified by sigstore-python.

Nothing is fetched: the roots are those inside the sigstore package, or a trusted root file that trust.yaml names.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.trust.sign.envelope import Sealed
from imagekit.trust.sign.interface import KeyFileError, SignatureError
from imagekit.trust.sign.trustfile import Keyless

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.verify import Verifier
    from sigstore.verify.policy import VerificationPolicy

# Deployment Environment; sigstore-python 4.5 has classes for the extensions before it.
_ENVIRONMENT = "1.3.6.1.4.1.57264.1.23"


def checker(wanted: Keyless, trusted_root: Path | None) -> Callable[[Sealed], datetime | None]:
    """What takes an opened bundle and gives its time of signing; raises `SignatureError`.

    The time is the beginning of the certificate's few minutes, inside which the log or a timestamp saw the signature.
    """

    def check(sealed: Sealed) -> datetime:
        if not sealed.certificate or not sealed.bundle:
            raise SignatureError("the bundle holds no certificate")
        return _verified(sealed, wanted, trusted_root)

    return check


def _verified(sealed: Sealed, wanted: Keyless, trusted_root: Path | None) -> datetime:
    from sigstore.models import Bundle

    verifier = _verifier(trusted_root)
    try:
        parsed = Bundle.from_json(sealed.bundle)
        kind, payload = verifier.verify_dsse(parsed, _policy(wanted))
        began = parsed.signing_certificate.not_valid_before_utc
    except Exception as error:
        # The bundle is anybody's, and the library does not promise which errors a hostile certificate raises.
        raise SignatureError(f"not signed by {wanted.identity}: {error}"[:400]) from None
    if (kind, payload) != (sealed.kind, sealed.payload):
        raise SignatureError("two readers find different statements in the bundle")
    return began


def _policy(wanted: Keyless) -> VerificationPolicy:
    """Who the certificate must name: issuer, identity, and for a workflow the repository whose run it was.

    The issuer is read from its second extension: the first one is deprecated, and no DER string.
    """
    from sigstore.verify import policy

    named: dict[str, Callable[[str], VerificationPolicy]] = {
        "source_repository": policy.OIDCSourceRepositoryURI,
        "source_repository_id": policy.OIDCSourceRepositoryIdentifier,
        "source_ref": policy.OIDCSourceRepositoryRef,
        "runner": policy.OIDCRunnerEnvironment,
        "environment": _Environment,
    }
    bounds = [named[name](value) for name, value in wanted.bounds.items()]
    return policy.AllOf([policy.Identity(identity=wanted.identity), policy.OIDCIssuerV2(wanted.issuer), *bounds])


class _Environment:
    """The certificate's Deployment Environment extension, a DER string as those before it."""

    def __init__(self, value: str) -> None:
        self._value = value

    def verify(self, cert: Certificate) -> None:
        """Raise sigstore's `VerificationError` unless the certificate names this environment."""
        from cryptography.hazmat import asn1
        from cryptography.x509 import ExtensionNotFound, ObjectIdentifier, UnrecognizedExtension
        from sigstore.errors import VerificationError

        try:
            found = cert.extensions.get_extension_for_oid(ObjectIdentifier(_ENVIRONMENT)).value
        except ExtensionNotFound:
            raise VerificationError("the certificate names no deployment environment") from None
        said = asn1.decode_der(str, found.value) if isinstance(found, UnrecognizedExtension) else None
        if said != self._value:
            raise VerificationError(f"the job ran in environment {said!r}, not in {self._value!r}")


@cache
def _verifier(trusted_root: Path | None) -> Verifier:
    from sigstore.errors import Error
    from sigstore.models import TrustedRoot
    from sigstore.verify import Verifier

    logging.getLogger("sigstore").setLevel(logging.ERROR)
    if trusted_root is None:
        return Verifier.production(offline=True)
    try:
        return Verifier(trusted_root=TrustedRoot.from_file(str(trusted_root)))
    except (OSError, Error, ValueError) as error:
        raise KeyFileError(
            f"cannot read the trusted root {trusted_root}: {str(error)[:300]}",
            hint="`cosign trusted-root create` makes one.",
        ) from None
