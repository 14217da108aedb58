"""The ca-trust layer refuses what must not become a trusted authority."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from imagekit.base.process import Completed, run
from tests.unit.images.authorities import Authority, certificate, private_key

LAYER = Path(__file__).parents[3] / "images/ca-trust"
GOOD = Authority()


def check(directory: Path) -> Completed:
    """What the layer's own script says of a folder of certificates."""
    return run([LAYER / "check-authorities.sh", directory], timeout=60, ok=(0, 1))


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """A folder with the given files in it."""

    def make(**files: str) -> Path:
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text)
        return tmp_path

    return make


def p256() -> ec.EllipticCurvePrivateKey:
    """A key that is strong enough, and quick to make."""
    return ec.generate_private_key(ec.SECP256R1())


def test_a_good_authority_passes(folder: Callable[..., Path]) -> None:
    assert check(folder(corp_pem=certificate(GOOD, p256()))).returncode == 0


def test_the_authorities_of_this_project_pass() -> None:
    assert check(LAYER / "files").returncode == 0


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        (Authority(is_ca=False, may_sign=False), "is not a CA"),
        (Authority(may_sign=False), "may not sign certificates"),
        (Authority(starts_in=timedelta(days=-9), ends_in=timedelta(days=-1)), "expired on"),
        (Authority(ends_in=timedelta(days=10)), "expires within 30 days"),
        (Authority(starts_in=timedelta(days=2)), "is not valid yet"),
    ],
)
def test_what_the_certificate_says_counts(folder: Callable[..., Path], wanted: Authority, complaint: str) -> None:
    result = check(folder(corp_pem=certificate(wanted, p256())))
    assert result.returncode == 1
    assert f"corp.pem: {complaint}" in result.stderr


def test_a_weak_rsa_key_is_refused(folder: Callable[..., Path]) -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    assert "weak key: rsaEncryption, 1024 bits" in check(folder(corp_pem=certificate(GOOD, weak))).stderr


def test_a_weak_curve_is_refused(folder: Callable[..., Path]) -> None:
    weak = ec.generate_private_key(ec.SECP224R1())
    assert "weak key: id-ecPublicKey, 224 bits" in check(folder(corp_pem=certificate(GOOD, weak))).stderr


def test_a_private_key_is_refused(folder: Callable[..., Path]) -> None:
    key = p256()
    result = check(folder(corp_pem=certificate(GOOD, key) + private_key(key)))
    assert result.returncode == 1
    assert "holds a private key" in result.stderr


def test_two_certificates_in_one_file_are_refused(folder: Callable[..., Path]) -> None:
    both = certificate(GOOD, p256()) + certificate(GOOD, p256())
    assert "holds 2 certificates" in check(folder(corp_pem=both)).stderr


def test_the_same_certificate_twice_is_refused(folder: Callable[..., Path]) -> None:
    same = certificate(GOOD, p256())
    assert "another file here holds as well" in check(folder(a_pem=same, b_pem=same)).stderr


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"])
def test_garbage_is_refused(folder: Callable[..., Path], text: str) -> None:
    assert check(folder(corp_pem=text)).returncode == 1


def test_a_stray_file_and_an_empty_folder_are_refused(folder: Callable[..., Path]) -> None:
    assert "no certificate in" in check(folder()).stderr
    assert "is not a .pem file" in check(folder(notes_txt="x")).stderr


def test_one_bad_certificate_spoils_the_rest(folder: Callable[..., Path]) -> None:
    bad = certificate(Authority(is_ca=False), p256())
    assert check(folder(a_pem=certificate(GOOD, p256()), b_pem=bad)).returncode == 1
