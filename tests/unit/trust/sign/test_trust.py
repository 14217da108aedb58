"""The trust file: whose signatures count, for what, and when; and how it is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.config.load import parse_file
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.decisions import yank_statement
from imagekit.trust.evidence.statement import signature_statement
from imagekit.trust.sign.interface import KeyFileError, SignatureError
from imagekit.trust.sign.native import public_key_pem
from imagekit.trust.sign.trust import Problem, load_trust
from imagekit.trust.sign.trustedit import read_trust, rotated, with_key, write_trust
from imagekit.trust.sign.trustfile import Purpose, TrustFile
from tests.support.images import key
from tests.support.release import ADA, DAY, NOW, bundle, standard_keys, trust, trusted

SIGNED = signature_statement(Digest.of(b"image"))
PEM = public_key_pem(key("ours").public_key()).decode()


def write(root: Path, text: str) -> None:
    (root / "trust.yaml").write_text(text)


def test_key_file_inline_and_window(tmp_path: Path) -> None:
    (tmp_path / "ours.pub").write_text(PEM)
    inline = "\n".join(f"      {line}" for line in public_key_pem(key("ada").public_key()).decode().splitlines())
    write(
        tmp_path,
        "version: 1\nkeys:\n"
        "  - id: ours\n    public_key: ours.pub\n    purposes: [build]\n"
        "    not_before: 2026-01-01T00:00:00Z\n    not_after: 2026-12-31T23:59:59Z\n"
        f"  - id: ada\n    pem: |\n{inline}\n    purposes: [approve, waive]\n    person: Ada\n",
    )
    store = load_trust(tmp_path)
    assert [each.id for each in store.keys] == ["ours", "ada"]
    good = store.read(bundle("ours", SIGNED, at=NOW))
    assert (good.problem, good.signed_at, good.key and good.key.id) == (None, NOW, "ours")
    assert store.read(bundle("ours", SIGNED, at=NOW + 60 * DAY)).problem is Problem.EXPIRED
    assert store.read(bundle("ours", SIGNED, at=NOW - 400 * DAY)).problem is Problem.NOT_YET_VALID
    assert store.read(bundle("ours", SIGNED, at=None)).problem is Problem.UNDATED
    assert store.read(bundle("eve", SIGNED, at=NOW)).problem is Problem.OTHER_KEY
    assert store.read(bundle("ada", SIGNED, at=None)).problem is None


def test_verifier_of_a_purpose() -> None:
    store = trust()
    assert store.verifier().verify(bundle("ours", SIGNED)).subject == SIGNED.subject
    with pytest.raises(SignatureError, match="trusted to promote, not to build"):
        store.verifier().verify(bundle("promoter", SIGNED))
    with pytest.raises(SignatureError, match="a key that is not trusted"):
        store.verifier().verify(bundle("eve", SIGNED))
    with pytest.raises(SignatureError, match="after key ours expired"):
        store.verifier().verify(bundle("ours", SIGNED, at=NOW + 61 * DAY))
    denial = yank_statement(SIGNED.subject, person="Ada", reason="x")
    for name in ("ours", "promoter"):
        said = store.verifier().denial(bundle(name, denial, at=NOW + 61 * DAY))
        assert said is not None, "a denial counts by any trusted key, at any time"
        assert (said.forbids(SIGNED.subject), said.reported, said.flaw) == (True, "yanked by Ada: x", "")
    assert store.verifier().denial(bundle("eve", denial)) is None


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("  - {id: a, purposes: [build]}", "exactly one of public_key, pem and keyless"),
        ("  - {id: a, pem: x, public_key: y, purposes: [build]}", "exactly one of public_key, pem and keyless"),
        ("  - {id: a, public_key: a.pub, purposes: []}", "at least 1 item"),
        ("  - {id: a, public_key: a.pub, purposes: [waive]}", "must name its person"),
        ("  - {id: a, public_key: a.pub, purposes: [biuld]}", "Did you mean .build"),
        ("  - {id: a, public_key: ../a.pub, purposes: [build]}", "inside the project"),
        ("  - {id: a, public_key: a.pub, purposes: [build], not_after: 2026-01-01}", "time"),
        (
            "  - {id: a, public_key: a.pub, purposes: [build],"
            " not_before: '2026-02-01T00:00:00Z', not_after: '2026-01-01T00:00:00Z'}",
            "not_before must be earlier",
        ),
        ("  - {id: a, public_key: a.pub, purposes: [build]}\n" * 2, "the id a is given twice"),
        ("  - {id: a, pem: rubbish, purposes: [build]}", "no public key in PEM form"),
        ("  - {id: a, public_key: a.pub, purposes: [build]}", r"cannot read a\.pub"),
        ("  - {id: a, public_key: a.pub, purposes: [build], expires: 1}", "unknown key"),
    ],
)
def test_bad_file_is_told(tmp_path: Path, lines: str, says: str) -> None:
    write(tmp_path, f"version: 1\nkeys:\n{lines}\n")
    with pytest.raises(ConfigError, match=says) as caught:
        load_trust(tmp_path)
    assert "trust.yaml" in str(caught.value)


def test_one_key_under_two_ids_is_refused() -> None:
    with pytest.raises(KeyFileError, match="ours and again are the same key"):
        trust([trusted("ours", Purpose.BUILD), trusted("ours", Purpose.BUILD).model_copy(update={"id": "again"})])


def test_written_file_reads_back_and_keeps_its_head(tmp_path: Path) -> None:
    file = TrustFile(version=1, keys=standard_keys())
    path = write_trust(tmp_path, file)
    assert parse_file(TrustFile, path) == file
    assert path.read_text().startswith("# Whose signatures count")
    path.write_text("# ours\n" + path.read_text())
    write_trust(tmp_path, file)
    assert path.read_text().startswith("# ours\n# Whose")
    assert [each.name for each in tmp_path.iterdir()] == ["trust.yaml"]
    assert load_trust(tmp_path).read(bundle("ours", SIGNED)).problem is None


def test_rotation_keeps_old_evidence_and_ends_the_old_key(tmp_path: Path) -> None:
    pem = public_key_pem(key("next").public_key()).decode()
    file = rotated(
        TrustFile(version=1, keys=standard_keys()), "ours", new="next", pem=pem, now=NOW, until=NOW + 2 * DAY
    )
    write_trust(tmp_path, file)
    store = load_trust(tmp_path)
    assert store.read(bundle("ours", SIGNED, at=NOW - DAY)).problem is None
    assert store.read(bundle("ours", SIGNED, at=NOW + DAY)).problem is None
    assert store.read(bundle("ours", SIGNED, at=NOW + 3 * DAY)).problem is Problem.EXPIRED
    assert store.read(bundle("next", SIGNED, at=NOW + 100 * DAY)).problem is None
    assert store.read(bundle("next", SIGNED, at=NOW - timedelta(seconds=1))).problem is Problem.NOT_YET_VALID
    assert store.keys[-1].purposes == (Purpose.BUILD,)


def test_rotation_never_makes_a_window_longer() -> None:
    file = TrustFile(version=1, keys=standard_keys())
    ends = rotated(file, "ours", new="next", pem=PEM, now=NOW, until=NOW + 90 * DAY).keys[0].not_after
    assert ends == NOW + 60 * DAY


def test_ids_are_used_once(tmp_path: Path) -> None:
    file = TrustFile(version=1, keys=standard_keys())
    with pytest.raises(ConfigError, match="the id ada is taken"):
        with_key(file, trusted("ada", Purpose.WAIVE, person=ADA))
    with pytest.raises(ConfigError, match="the id bob is taken"):
        rotated(file, "ours", new="bob", pem=PEM, now=NOW, until=NOW)
    with pytest.raises(ConfigError, match="no key 'nobody'"):
        rotated(file, "nobody", new="x", pem=PEM, now=NOW, until=NOW)
    assert read_trust(tmp_path) is None


@pytest.mark.attack
def test_what_is_dated_ahead_counts_for_verify_as_little_as_for_the_gate() -> None:
    """D12, variant: the gate refused a signature of the future, verify took it."""
    store, now = trust([trusted("ours", Purpose.BUILD)]), datetime.now(UTC)
    assert store.verifier().verify(bundle("ours", SIGNED, at=now + timedelta(minutes=4)))
    with pytest.raises(SignatureError, match="in the future"):
        store.verifier().verify(bundle("ours", SIGNED, at=now + timedelta(minutes=6)))


@pytest.mark.attack
def test_a_key_counts_for_version_tags_only_where_it_serves_them() -> None:
    """Weak point without a row: channels of keys were ignored at publish."""
    for channels, good in (((), True), (("dev", "publish"), True), (("dev",), False)):
        store = trust([trusted("ours", Purpose.BUILD, channels=channels)])
        if good:
            assert store.verifier(Purpose.BUILD, "publish").verify(bundle("ours", SIGNED))
        else:
            with pytest.raises(SignatureError, match="not trusted for channel publish"):
                store.verifier(Purpose.BUILD, "publish").verify(bundle("ours", SIGNED))
