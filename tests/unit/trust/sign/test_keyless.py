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

from imagekit.base.errors import ConfigError
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.statement import signature_statement
from imagekit.trust.sign.envelope import open_envelope
from imagekit.trust.sign.interface import KeyFileError, SignatureError
from imagekit.trust.sign.keyless import checker
from imagekit.trust.sign.trust import Holder, Problem, TrustStore, load_trust, loose_entries
from imagekit.trust.sign.trustfile import Keyless, Purpose, TrustedKey, TrustFile
from tests.support.release import DAY, NOW, bundle
from tests.support.sigstore import SigstoreSimulator

SIGNED = signature_statement(Digest.of(b"image"), {"channel": "dev"})
WHO = "https://github.com/bank/nodes/.github/workflows/release.yml@refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"
SOURCE = "https://github.com/bank/nodes"
WANTED = Keyless(issuer=ISSUER, identity=WHO, source_repository=SOURCE)
CLAIMS: dict[str, Any] = {
    "build_signer": WHO,
    "runner": "github-hosted",
    "source_repository": SOURCE,
    "source_ref": "refs/heads/main",
    "source_repository_id": "4711",
    "environment": "prod",
}


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
    return world.sign(SIGNED, **{"identity": WHO, "issuer": ISSUER, "at": NOW, **CLAIMS, **how})


def test_good_bundle(world: SigstoreSimulator, tmp_path: Path) -> None:
    check = checker(WANTED, world.trusted_root(tmp_path / "root.json"))
    assert check(open_envelope(sign(world))) == NOW


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"identity": WHO.replace("main", "evil")}, "SANs do not match"),
        ({"identity": WHO.replace("bank", "bunk")}, "SANs do not match"),
        ({"issuer": "https://evil.example"}, "OIDCIssuer"),
        ({"source_repository": "https://github.com/evil/nodes"}, "OIDCSourceRepositoryURI"),
        ({"logged": NOW + timedelta(minutes=11)}, "certificate|expired"),
        ({"logged": NOW - timedelta(minutes=1)}, "certificate|expired"),
        ({"payload": signature_statement(Digest.of(b"other")).to_bytes()}, "signature|payload"),
    ],
    ids=[
        "other branch",
        "other repository",
        "other issuer",
        "other caller",
        "logged too late",
        "logged too early",
        "other payload",
    ],
)
def test_refused(world: SigstoreSimulator, tmp_path: Path, how: dict[str, Any], says: str) -> None:
    check = checker(WANTED, world.trusted_root(tmp_path / "root.json"))
    with pytest.raises(SignatureError, match=says):
        check(open_envelope(sign(world, **how)))


@pytest.mark.parametrize("part", ["authority", "certificate_log", "log"])
def test_another_service_is_refused(world: SigstoreSimulator, tmp_path: Path, part: str) -> None:
    check = checker(WANTED, world.trusted_root(tmp_path / "root.json"))
    setattr(world, part, getattr(SigstoreSimulator(), part))
    with pytest.raises(SignatureError, match="not signed by"):
        check(open_envelope(sign(world)))


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
        check(open_envelope(json.dumps(made).encode()))


def test_public_roots_are_inside_and_do_not_trust_ours(world: SigstoreSimulator) -> None:
    with pytest.raises(SignatureError, match="not signed by"):
        checker(WANTED, None)(open_envelope(sign(world)))


def test_bundle_of_a_key_is_none_of_ours(tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match="no certificate"):
        checker(WANTED, tmp_path / "never read")(open_envelope(bundle("ours", SIGNED)))


def test_trusted_root_that_is_none(tmp_path: Path, world: SigstoreSimulator) -> None:
    (tmp_path / "bad.json").write_text("{}")
    for name in ("bad.json", "missing.json"):
        with pytest.raises(KeyFileError, match=name):
            checker(WANTED, tmp_path / name)(open_envelope(sign(world)))


def test_in_a_trust_file_with_a_window(world: SigstoreSimulator, tmp_path: Path) -> None:
    world.trusted_root(tmp_path / "root.json")
    (tmp_path / "trust.yaml").write_text(
        "version: 1\ntrusted_root: root.json\nkeys:\n  - id: workflow\n    purposes: [build]\n"
        f"    keyless: {{issuer: '{ISSUER}', identity: '{WHO}', source_repository: '{SOURCE}'}}\n"
        f"    not_after: '{NOW.isoformat()}'\n"
    )
    store = load_trust(tmp_path)
    good = store.read(sign(world))
    assert (good.problem, good.signed_at, good.key and good.key.id) == (None, NOW, "workflow")
    assert store.read(sign(world, at=NOW + DAY)).problem is Problem.EXPIRED
    assert store.read(sign(world, identity="https://evil.example/x")).problem is Problem.OTHER_KEY
    dated = world.sign(SIGNED.stamped(NOW - DAY), identity=WHO, issuer=ISSUER, at=NOW + DAY, **CLAIMS)
    assert store.read(dated).problem is Problem.EXPIRED  # what the statement says of its time does not matter


TOOL = "https://github.com/tools/imagekit/.github/workflows/publish.yml@refs/heads/main"


@pytest.mark.attack
def test_another_caller_of_the_same_reusable_workflow_is_refused(world: SigstoreSimulator, tmp_path: Path) -> None:
    """D30: everybody who may call publish.yml gets its identity; the repository that called is what is trusted."""
    wanted = Keyless(issuer=ISSUER, identity=TOOL, source_repository=SOURCE)
    check = checker(wanted, world.trusted_root(tmp_path / "root.json"))
    assert check(open_envelope(sign(world, identity=TOOL))) == NOW
    for other in ("https://github.com/evil/nodes", SOURCE + "-2", SOURCE.upper(), "https://ghe.example/bank/nodes"):
        with pytest.raises(SignatureError, match="OIDCSourceRepositoryURI"):
            check(open_envelope(sign(world, identity=TOOL, source_repository=other)))


@pytest.mark.attack
def test_a_certificate_that_names_no_repository_is_refused(world: SigstoreSimulator, tmp_path: Path) -> None:
    """D30, variant: a certificate of old, or of an issuer that tells no repository."""
    check = checker(WANTED, world.trusted_root(tmp_path / "root.json"))
    bare = world.sign(SIGNED, identity=WHO, issuer=ISSUER, at=NOW)
    with pytest.raises(SignatureError, match="does not contain OIDCSourceRepositoryURI"):
        check(open_envelope(bare))


@pytest.mark.attack
@pytest.mark.parametrize(
    ("bound", "good", "bad"),
    [
        ("source_ref", "refs/heads/main", "refs/heads/evil"),
        ("source_ref", "refs/heads/main", "refs/pull/1/merge"),
        ("environment", "prod", "dev"),
        ("runner", "github-hosted", "self-hosted"),
        ("source_repository_id", "4711", "4712"),
    ],
)
def test_each_bound_of_an_entry_is_held(
    world: SigstoreSimulator, tmp_path: Path, bound: str, good: str, bad: str
) -> None:
    """D30, variants: another branch, a pull request, another environment, a machine of one's own, a new repository."""
    entry = Keyless.model_validate_json(json.dumps({**WANTED.model_dump(), bound: good}))
    check = checker(entry, world.trusted_root(tmp_path / "root.json"))
    assert check(open_envelope(sign(world, **{bound: good}))) == NOW
    with pytest.raises(SignatureError, match="not signed by"):
        check(open_envelope(sign(world, **{bound: bad})))
    claims = {name: value for name, value in CLAIMS.items() if name != bound}
    with pytest.raises(SignatureError, match="not signed by"):
        check(open_envelope(world.sign(SIGNED, identity=WHO, issuer=ISSUER, at=NOW, **claims)))


@pytest.mark.attack
@pytest.mark.parametrize("bound", [{"source_ref": "refs/heads/main"}, {"environment": "prod"}, {}], ids=str)
def test_a_branch_that_calls_the_trusted_file_is_refused_where_the_entry_is_bound(
    world: SigstoreSimulator, tmp_path: Path, bound: dict[str, str]
) -> None:
    """D30, fresh variant: `uses: bank/nodes/.github/workflows/publish.yml@refs/heads/main` on a branch of one's own."""
    wanted = Keyless.model_validate_json(json.dumps({**WANTED.model_dump(), **bound}))
    check = checker(wanted, world.trusted_root(tmp_path / "root.json"))
    key = TrustedKey(id="workflow", keyless=wanted, purposes=(Purpose.BUILD,))
    store = TrustStore([Holder(key=key, material="workflow", check=check)])
    evil = sign(world, source_ref="refs/heads/evil", environment="")
    assert (store.read(evil).problem is Problem.OTHER_KEY) is bool(bound)
    assert store.read(sign(world)).problem is None
    said = loose_entries(store)
    assert bool(said) is not bool(bound)
    assert all("any branch of https://github.com/bank/nodes" in each for each in said)


def test_a_person_by_mail_address_needs_no_repository(world: SigstoreSimulator, tmp_path: Path) -> None:
    person = Keyless(issuer="https://accounts.example", identity="ada@bank.example")
    check = checker(person, world.trusted_root(tmp_path / "root.json"))
    signed = world.sign(SIGNED, identity="ada@bank.example", issuer="https://accounts.example", at=NOW)
    assert check(open_envelope(signed)) == NOW


@pytest.mark.attack
@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("", "a workflow without source_repository would be trusted whoever calls it"),
        (", source_repository: bank/nodes", "source_repository"),
        (", source_repository: 'https://github.com/bank/nodes/'", "source_repository"),
        (", source_repository: 'https://github.com/bank/nodes', runner: mine", "runner"),
    ],
)
def test_a_workflow_without_its_repository_is_no_entry(tmp_path: Path, entry: str, says: str) -> None:
    """D30: a trust file of before says what is missing and where, and nothing is decided by it."""
    (tmp_path / "trust.yaml").write_text(
        "version: 1\nkeys:\n  - id: workflow\n    purposes: [build]\n"
        f"    keyless: {{issuer: '{ISSUER}', identity: '{WHO}'{entry}}}\n"
    )
    with pytest.raises(ConfigError, match=says) as caught:
        load_trust(tmp_path)
    assert "trust.yaml:5" in str(caught.value)


def test_entries_that_one_certificate_fits_are_refused() -> None:
    """Two ids for one identity would be two signatures where `least: 2` is asked for."""
    pair = [
        Keyless(issuer=ISSUER, identity=WHO, source_repository=SOURCE, environment=name) for name in ("dev", "prod")
    ]
    keys = [TrustedKey(id=f"k{n}", keyless=each, purposes=(Purpose.BUILD,)) for n, each in enumerate([*pair, WANTED])]
    assert len(TrustFile(version=1, keys=tuple(keys[:2])).keys) == 2
    with pytest.raises(ValueError, match="one certificate could be taken for both k0 and k2"):
        TrustFile(version=1, keys=tuple(keys))
