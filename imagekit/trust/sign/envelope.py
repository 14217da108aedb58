"""Opening a sigstore bundle: strictly for what is to count, loosely to find a denial that is not in order.

Strictly means one signature. cosign refuses an envelope with more, and so does sigstore-python
(`sigstore.dsse.Envelope`), which verifies keyless bundles here; securesystemslib's DSSE counts signatures against a
threshold, takes any number, and reads plain JSON. Neither refuses keys that stand twice, so this is read here.
https://github.com/secure-systems-lab/dsse/blob/master/envelope.md
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from imagekit.base.strictjson import ForeignJsonError, read_object
from imagekit.trust.evidence.statement import STATEMENT_LIMIT
from imagekit.trust.sign.interface import BUNDLE_LIMIT, SignatureError, require_readable

PAYLOAD_TYPE = "application/vnd.in-toto+json"
_FIELDS = ("mediaType", "verificationMaterial", "dsseEnvelope", "payload", "payloadType", "signatures", "sig")
_MOST_LOOSE = 8  # signatures that are tried in an envelope that counts for nothing; each costs every key a check


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What was signed and one signature over it; `bundle` is empty where it was read loosely."""

    payload: bytes
    signature: bytes
    kind: str = PAYLOAD_TYPE
    certificate: bool = False
    bundle: bytes = b""

    @property
    def signed(self) -> bytes:
        """DSSE's pre-authentication encoding: type and payload with their lengths."""
        kind = self.kind.encode()
        return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(self.payload), self.payload)


def open_envelope(bundle: bytes) -> Sealed:
    """The one signature and the statement in a bundle; raises `SignatureError` for anything else."""
    require_readable(bundle)
    try:
        fields = read_object(bundle, "bundle", fields=_FIELDS, limit=BUNDLE_LIMIT)
        material, envelope = fields.get("verificationMaterial") or {}, fields["dsseEnvelope"]
        if envelope["payloadType"] != PAYLOAD_TYPE:
            raise SignatureError(f"the bundle holds {str(envelope['payloadType'])[:80]!r}, not a statement")
        signatures = envelope["signatures"]
        if not isinstance(signatures, list) or len(signatures) != 1:
            raise SignatureError("an envelope has exactly one signature, as cosign demands")
        return Sealed(
            payload=base64.b64decode(envelope["payload"], validate=True),
            signature=base64.b64decode(signatures[0]["sig"], validate=True),
            certificate="certificate" in material or "x509CertificateChain" in material,
            bundle=bundle,
        )
    except ForeignJsonError as error:
        raise SignatureError(f"not a sigstore bundle: {error}"[:300]) from None
    except (ValueError, KeyError, TypeError):
        raise SignatureError("not a sigstore bundle with a DSSE envelope") from None


def open_loosely(bundle: bytes) -> tuple[Sealed, ...]:
    """Whatever may have been signed in a bundle that `open_envelope` refuses; never more than a few checks' worth.

    What is found here never counts for an image. More signatures than a few are somebody's flood, and nothing is tried.
    """
    try:
        require_readable(bundle)
        fields = json.loads(bundle)
        envelope = _field(fields, "dsseEnvelope", fields)
        kind, payload = _field(envelope, "payloadType", PAYLOAD_TYPE), _bytes(_field(envelope, "payload", ""))
        signatures = _field(envelope, "signatures", [])
        if not 0 < len(signatures) <= _MOST_LOOSE or len(payload) > STATEMENT_LIMIT:
            return ()
        if "in-toto" not in str(kind).casefold() and b"imagekit:yank" not in payload.lower():
            return ()  # signed text of another kind, which says nothing about images
        return tuple(
            Sealed(payload=payload, signature=_bytes(_field(each, "sig", "")), kind=str(kind)) for each in signatures
        )
    except (SignatureError, ValueError, TypeError, AttributeError, RecursionError):
        return ()


def _field(fields: Any, name: str, default: Any) -> Any:
    return next((value for key, value in fields.items() if key.casefold() == name.casefold()), default)


def _bytes(text: str) -> bytes:
    """Base64 of either alphabet, with or without its end: protobuf's JSON reader, which cosign uses, takes all four."""
    return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
