"""A signer whose word is read back before anybody relies on it.

A key that nobody trusts, that is expired or not valid yet, or that is for something else signs as well as any other;
what it signs counts for nobody. So every signature goes through the door that readers use, and only what they would
take is handed on to be written, attached or pushed.
"""

from __future__ import annotations

from imagekit.base.errors import RefusedError
from imagekit.trust.evidence.statement import Statement
from imagekit.trust.sign.interface import SignatureError, Signer, Verifier

_HINT = "Nothing was written. `imagekit keys list` shows who may do what, and when."


class NoSigner:
    """Where nothing is to be signed: no key is opened, and whoever tries it all the same is refused."""

    label = "none"

    def sign(self, statement: Statement) -> bytes:
        """Raise `SignatureError`."""
        raise SignatureError(f"nothing is signed here, and no {statement.predicate_type} was to be", hint=_HINT)


class CheckedSigner:
    """Signs with `signer`; raises `SignatureError` for what `verifier` does not take, or takes for something else."""

    def __init__(self, signer: Signer, verifier: Verifier) -> None:
        self._signer, self._verifier = signer, verifier

    @property
    def label(self) -> str:
        """As the signer calls its key."""
        return self._signer.label

    def sign(self, statement: Statement) -> bytes:
        """Sign a statement and return a sigstore bundle v0.3 that readers take for this very statement."""
        bundle = self._signer.sign(statement)
        try:
            found = self._verifier.verify(bundle)
        except RefusedError as error:
            raise SignatureError(
                f"what key {self._signer.label[:80]} signs does not count here: {error}", hint=_HINT
            ) from None
        if found.to_bytes() != statement.to_bytes():
            raise SignatureError("what was signed reads back as something else", hint=_HINT)
        return bundle
