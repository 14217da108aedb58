"""Bundles signed without a key of one's own: a short-lived certificate for an identity, verified by sigstore-python.

Nothing is fetched: the roots are those inside the sigstore package, or a trusted root file that trust.yaml names.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagekit.trust.evidence.statement import Statement, parse_statement
from imagekit.trust.sign.interface import KeyFileError, SignatureError, demand_readable
from imagekit.trust.sign.trustfile import Keyless

if TYPE_CHECKING:
    from sigstore.verify import Verifier

_PAYLOAD_TYPE = "application/vnd.in-toto+json"
Checked = tuple[Statement, datetime | None]


def checker(wanted: Keyless, trusted_root: Path | None) -> Callable[[bytes], Checked]:
    """What takes a bundle and gives its statement and time of signing; raises `SignatureError`.

    The time is the beginning of the certificate's few minutes, inside which the log or a timestamp saw the signature.
    """

    def check(bundle: bytes) -> Checked:
        if not _has_certificate(bundle):
            raise SignatureError("the bundle holds no certificate")
        return _verified(bundle, wanted, trusted_root)

    return check


def _has_certificate(bundle: bytes) -> bool:
    """Asked before anything heavy is imported: most bundles are signed by keys."""
    demand_readable(bundle)
    try:
        material: Any = json.loads(bundle)["verificationMaterial"]
        return "certificate" in material or "x509CertificateChain" in material
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _verified(bundle: bytes, wanted: Keyless, trusted_root: Path | None) -> Checked:
    from sigstore.models import Bundle
    from sigstore.verify.policy import Identity

    verifier = _verifier(trusted_root)
    try:
        parsed = Bundle.from_json(bundle)
        kind, payload = verifier.verify_dsse(parsed, Identity(identity=wanted.identity, issuer=wanted.issuer))
        began = parsed.signing_certificate.not_valid_before_utc
    except Exception as error:
        # The bundle is anybody's, and the library does not promise which errors a hostile certificate raises.
        raise SignatureError(f"not signed by {wanted.identity}: {error}"[:400]) from None
    if kind != _PAYLOAD_TYPE:
        raise SignatureError(f"the bundle holds {kind[:80]!r}, not a statement")
    return parse_statement(payload), began


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
