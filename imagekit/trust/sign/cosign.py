"""Signing through the cosign program: keys in a KMS or an HSM, in a variable, or none at all (keyless by OIDC).

cosign signs the very statement that it is given (``attest-blob --statement``) and writes the bundle to a file, so
what is attached, and how, stays here. Its exit code is not believed: the bundle is read, and the payload compared.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from imagekit.base.errors import ConfigError, ToolError
from imagekit.base.process import run
from imagekit.trust.evidence.statement import Statement
from imagekit.trust.sign.interface import BUNDLE_LIMIT
from imagekit.trust.sign.keys import PASSWORD_VARIABLE

KEYLESS = "keyless"
_TIMEOUT = 180.0
# What the providers' own libraries read, and the tokens that GitHub Actions gives a job; nothing else is passed on.
_PROVIDERS = re.compile(
    r"(AWS|AZURE|GOOGLE|VAULT|BAO|CLOUDSDK|KUBE|COSIGN|SIGSTORE|PKCS11|SOFTHSM2|ACTIONS_ID_TOKEN_REQUEST)_?[A-Z0-9_]*"
    r"|GITHUB_ACTIONS|GCE_METADATA_HOST"
)
# https://docs.sigstore.dev/cosign/key_management/overview/; others are plugins named sigstore-kms-<scheme>
_URI = re.compile(r"(?:[a-z][a-z0-9+-]*://\S+|pkcs11:\S+)")
_NO_SERVICES = {
    "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
    "rekorTlogConfig": {},
    "tsaConfig": {},
}


class CosignError(ToolError):
    """cosign did not sign what it was given."""


def is_uri(key: str) -> bool:
    """Whether a key is named by a URI that is for the cosign program."""
    return _URI.fullmatch(key) is not None


class CosignSigner:
    """Signs with `key`, a URI that cosign knows, or with the identity of this job when it is ``keyless``."""

    def __init__(
        self, key: str, *, program: Sequence[str] = ("cosign",), environ: Mapping[str, str] = os.environ
    ) -> None:
        if key != KEYLESS and not is_uri(key):
            raise ConfigError(f"{key[:80]!r} is no key URI", hint="Such as awskms:///alias/NAME, or keyless.")
        if "pin-value=" in key:
            raise ConfigError(
                "a PIN in a key URI would be seen by everyone on this machine", hint="Give it in COSIGN_PKCS11_PIN."
            )
        self._key, self._program, self._environ = key, tuple(program), environ

    @property
    def label(self) -> str:
        """The URI, without credentials."""
        return re.sub(r"//[^/@]*@", "//", self._key)

    def sign(self, statement: Statement) -> bytes:
        """Sign a statement and return a sigstore bundle v0.3; raises `CosignError`, `ProcessError`."""
        payload = statement.to_bytes()
        with TemporaryDirectory(prefix="imagekit-sign-") as name:
            folder = Path(name)
            said, made = folder / "statement.json", folder / "bundle.json"
            said.write_bytes(payload)
            run(self._argv(folder, said, made), timeout=_TIMEOUT, env=self._passed_on())
            return _checked(made, payload)

    def _argv(self, folder: Path, said: Path, made: Path) -> list[str | Path]:
        argv: list[str | Path] = [*self._program, "attest-blob", "--yes", "--statement", said, "--bundle", made]
        if self._key == KEYLESS:
            return argv
        config = folder / "signing-config.json"
        config.write_text(json.dumps(_NO_SERVICES))
        return [*argv, "--key", self._key, "--signing-config", config]

    def _passed_on(self) -> dict[str, str]:
        """Secrets travel in the environment, never in argv."""
        found = {name: value for name, value in self._environ.items() if _PROVIDERS.fullmatch(name)}
        if self._key.startswith("env://"):
            variable = self._key.removeprefix("env://")
            found |= {variable: self._environ[variable]} if variable in self._environ else {}
        if PASSWORD_VARIABLE in self._environ:
            found["COSIGN_PASSWORD"] = self._environ[PASSWORD_VARIABLE]
        return found


def _checked(made: Path, payload: bytes) -> bytes:
    """The bundle that cosign wrote, when it holds what was to be signed."""
    import base64

    try:
        bundle = made.read_bytes()
        found = base64.b64decode(json.loads(bundle)["dsseEnvelope"]["payload"], validate=True)
    except (OSError, ValueError, KeyError, TypeError):
        raise CosignError("cosign ended well and wrote no bundle with a statement", hint="Version 3 does.") from None
    if found != payload or len(bundle) > BUNDLE_LIMIT:
        raise CosignError("cosign signed something else than it was given", hint="Which cosign is first in PATH?")
    return bundle
