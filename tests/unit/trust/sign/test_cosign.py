"""The cosign program as signer: what it is given, what it never sees in argv, and what is not believed of it.

The program here is a recording one that answers like cosign; the real one is in tests/integration.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from imagekit.base.errors import ConfigError
from imagekit.base.process import ProcessError
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.statement import signature_statement
from imagekit.trust.sign.cosign import CosignError, CosignSigner
from imagekit.trust.sign.keys import PASSWORD_VARIABLE

SIGNED = signature_statement(Digest.of(b"image"), {"channel": "dev"})
SECRET = "correct-horse"

# Records argv and environment, and writes a bundle of what it was given, unless it is told to lie.
PROGRAM = """
import base64, json, os, sys
from pathlib import Path
folder, how = Path(sys.argv[1]), sys.argv[2]
argv = sys.argv[3:]
(folder / "seen.json").write_text(json.dumps({"argv": argv, "environ": dict(os.environ)}))
if how == "fails":
    sys.stderr.write("Error: no credentials\\n")
    sys.exit(1)
said = Path(argv[argv.index("--statement") + 1]).read_bytes()
said = said.replace(b"dev", b"pro") if how == "lies" else said
bundle = {"dsseEnvelope": {"payload": base64.b64encode(said).decode()}}
if how != "silent":
    Path(argv[argv.index("--bundle") + 1]).write_text(json.dumps(bundle))
if "--signing-config" in argv:
    (folder / "config.json").write_bytes(Path(argv[argv.index("--signing-config") + 1]).read_bytes())
"""


def signer(tmp_path: Path, key: str, how: str = "well", **environ: str) -> CosignSigner:
    script = tmp_path / "cosign.py"
    script.write_text(PROGRAM)
    return CosignSigner(key, program=(sys.executable, str(script), str(tmp_path), how), environ=environ)


def seen(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp_path / "seen.json").read_text())
    return found


@pytest.mark.parametrize(
    "key",
    [
        "awskms:///alias/release",
        "gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k/versions/1",
        "azurekms://vault.example/key",
        "hashivault://release",
        "k8s://namespace/secret",
        "pkcs11:token=release;object=key",
        "softhsm://slot",
    ],
)
def test_uri_is_passed_through(tmp_path: Path, key: str) -> None:
    bundle = signer(tmp_path, key, AWS_PROFILE="release", HOME="/home/x", SECRET_OF_OTHERS="1").sign(SIGNED)
    assert json.loads(bundle)["dsseEnvelope"]
    argv, environ = seen(tmp_path)["argv"], seen(tmp_path)["environ"]
    assert argv[:2] == ["attest-blob", "--yes"]
    assert argv[argv.index("--key") + 1] == key
    assert json.loads((tmp_path / "config.json").read_text())["rekorTlogConfig"] == {}
    assert environ["AWS_PROFILE"] == "release"
    assert "SECRET_OF_OTHERS" not in environ


def test_keyless_uses_the_services_and_the_token_of_the_job(tmp_path: Path) -> None:
    token = {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t0ken", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://x"}
    signer(tmp_path, "keyless", **token).sign(SIGNED)
    argv, environ = seen(tmp_path)["argv"], seen(tmp_path)["environ"]
    assert not {"--key", "--signing-config"} & set(argv)
    assert token.items() <= environ.items()
    assert "t0ken" not in " ".join(argv)


def test_secrets_travel_in_the_environment(tmp_path: Path) -> None:
    signer(tmp_path, "env://MY_KEY", MY_KEY="PEM of the key", **{PASSWORD_VARIABLE: SECRET}).sign(SIGNED)
    argv, environ = seen(tmp_path)["argv"], seen(tmp_path)["environ"]
    assert environ["MY_KEY"] == "PEM of the key"
    assert environ["COSIGN_PASSWORD"] == SECRET
    assert SECRET not in " ".join(argv)
    assert "PEM" not in " ".join(argv)


def test_label_tells_no_credentials() -> None:
    assert CosignSigner("hashivault://user:pass@vault/key").label == "hashivault://vault/key"
    with pytest.raises(ConfigError, match="a PIN in a key URI"):
        CosignSigner("pkcs11:token=x;pin-value=1234")


@pytest.mark.parametrize("key", ["cosign.key", "", "--key", "awskms:// x"])
def test_what_is_no_uri_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="is no key URI"):
        CosignSigner(key)


def test_failure_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(ProcessError) as caught:
        signer(tmp_path, "awskms:///alias/x", "fails").sign(SIGNED)
    assert "no credentials" in caught.value.hint
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(("how", "says"), [("lies", "something else"), ("silent", "wrote no bundle")])
def test_exit_code_is_not_believed(tmp_path: Path, how: str, says: str) -> None:
    with pytest.raises(CosignError, match=says):
        signer(tmp_path, "awskms:///alias/x", how).sign(SIGNED)
