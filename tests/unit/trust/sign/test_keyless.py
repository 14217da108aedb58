"""Keyless bundles: verified whole and offline, for one identity, by sigstore-python against a Sigstore of our own."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from imagekit.oci.reference import Digest
from imagekit.trust.evidence.statement import signature_statement
from imagekit.trust.sign.interface import KeyFileError, SignatureError
from imagekit.trust.sign.keyless import checker
from imagekit.trust.sign.trust import Problem, load_trust
from imagekit.trust.sign.trustfile import Keyless
from tests.support.release import DAY, NOW, bundle
from tests.support.sigstore import SigstoreSimulator

SIGNED = signature_statement(Digest.of(b"image"), {"channel": "dev"})
WHO = "https://github.com/bank/nodes/.github/workflows/release.yml@refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"
WANTED = Keyless(issuer=ISSUER, identity=WHO)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HOME", str(tmp_path))
    level = logging.getLogger("sigstore").level
    yield
    logging.getLogger("sigstore").setLevel(level)


@pytest.fixture
def world() -> SigstoreSimulator:
    return SigstoreSimulator()


def sign(world: SigstoreSimulator, **how: Any) -> bytes:
    return world.sign(SIGNED, **{"identity": WHO, "issuer": ISSUER, "at": NOW, **how})


def test_good_bundle(world: SigstoreSimulator, tmp_path: Path) -> None:
    check = checker(WANTED, world.trusted_root(tmp_path / "root.json"))
    statement, at = check(sign(world))
    assert (statement, at) == (SIGNED, NOW)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"identity": WHO.replace("main", "evil")}, "SANs do not match"),
        ({"identity": WHO.replace("bank", "bunk")}, "SANs do not match"),
        ({"issuer": "https://evil.example"}, "OIDCIssuer"),
        ({"logged": NOW + timedelta(minutes=11)}, "certificate|expired"),
        ({"logged": NOW - timedelta(minutes=1)}, "certificate|expired"),
        ({"payload": signature_statement(Digest.of(b"other")).to_bytes()}, "signature|payload"),
    ],
    ids=["other branch", "other repository", "other issuer", "logged too late", "logged too early", "other payload"],
)
def test_refused(world: SigstoreSimulator, tmp_path: Path, how: dict[str, Any], says: str) -> None:
    check = checker(WANTED, world.trusted_root(tmp_path / "root.json"))
    with pytest.raises(SignatureError, match=says):
        check(sign(world, **how))


@pytest.mark.parametrize("part", ["authority", "certificate_log", "log"])
def test_another_service_is_refused(world: SigstoreSimulator, tmp_path: Path, part: str) -> None:
    check = checker(WANTED, world.trusted_root(tmp_path / "root.json"))
    setattr(world, part, getattr(SigstoreSimulator(), part))
    with pytest.raises(SignatureError, match="not signed by"):
        check(sign(world))


@pytest.mark.parametrize(
    "place",
    [
        ("verificationMaterial", "tlogEntries", 0, "inclusionPromise", "signedEntryTimestamp"),
        ("verificationMaterial", "tlogEntries", 0, "inclusionProof", "rootHash"),
        ("verificationMaterial", "tlogEntries", 0, "canonicalizedBody"),
        ("verificationMaterial", "certificate", "rawBytes"),
        ("dsseEnvelope", "signatures", 0, "sig"),
        ("dsseEnvelope", "payload"),
    ],
    ids=lambda place: str(place[-1]),
)
def test_one_altered_byte_is_refused(world: SigstoreSimulator, tmp_path: Path, place: tuple[Any, ...]) -> None:
    check = checker(WANTED, world.trusted_root(tmp_path / "root.json"))
    made = json.loads(sign(world))
    *path, last = place
    here = made
    for key in path:
        here = here[key]
    data = bytearray(base64.b64decode(here[last]))
    data[len(data) // 2] ^= 1
    here[last] = base64.b64encode(bytes(data)).decode()
    with pytest.raises(SignatureError):
        check(json.dumps(made).encode())


def test_public_roots_are_inside_and_do_not_trust_ours(world: SigstoreSimulator) -> None:
    with pytest.raises(SignatureError, match="not signed by"):
        checker(WANTED, None)(sign(world))


def test_bundle_of_a_key_is_none_of_ours(tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match="no certificate"):
        checker(WANTED, tmp_path / "never read")(bundle("ours", SIGNED))


def test_trusted_root_that_is_none(tmp_path: Path, world: SigstoreSimulator) -> None:
    (tmp_path / "bad.json").write_text("{}")
    for name in ("bad.json", "missing.json"):
        with pytest.raises(KeyFileError, match=name):
            checker(WANTED, tmp_path / name)(sign(world))


def test_in_a_trust_file_with_a_window(world: SigstoreSimulator, tmp_path: Path) -> None:
    world.trusted_root(tmp_path / "root.json")
    (tmp_path / "trust.yaml").write_text(
        "version: 1\ntrusted_root: root.json\nkeys:\n  - id: workflow\n    purposes: [build]\n"
        f"    keyless: {{issuer: '{ISSUER}', identity: '{WHO}'}}\n    not_after: '{NOW.isoformat()}'\n"
    )
    store = load_trust(tmp_path)
    good = store.read(sign(world))
    assert (good.problem, good.signed_at, good.key and good.key.id) == (None, NOW, "workflow")
    assert store.read(sign(world, at=NOW + DAY)).problem is Problem.EXPIRED
    assert store.read(sign(world, identity="https://evil.example/x")).problem is Problem.OTHER_KEY
    dated = world.sign(SIGNED.stamped(NOW - DAY), identity=WHO, issuer=ISSUER, at=NOW + DAY)
    assert store.read(dated).problem is Problem.EXPIRED  # what the statement says of its time does not matter
