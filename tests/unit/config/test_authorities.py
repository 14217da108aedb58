"""The one rule for authorities (W23, W24, W25): what is taken, what is refused and why, and what enters the store."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA224, SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates as pkcs7
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates as pkcs12
from cryptography.x509.oid import ObjectIdentifier

from imagekit.base.errors import ConfigError
from imagekit.base.process import run
from imagekit.config.authorities import content_id, judged, read_authorities
from tests.support.authorities import Authority, Key, certificate, made, private_key
from tests.support.oddauthorities import ODD

LAYER = Path(__file__).parents[3] / "images/ca-trust"
GOOD = Authority()
NOW = datetime.now(UTC) + timedelta(hours=1)  # some certificates are made later than this line is read
Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A layer with the given files; an underscore in a name is a dot."""

    def make(**files: str | bytes) -> Path:
        (tmp_path / "files").mkdir(exist_ok=True)
        for name, data in files.items():
            (tmp_path / "files" / name.replace("_", ".")).write_bytes(
                data if isinstance(data, bytes) else data.encode()
            )
        return tmp_path

    return make


def refusals(layer: Path) -> list[str]:
    """What the rule says against a folder, now."""
    return [str(each) for each in judged(layer, ["files/*"], now=NOW)[1]]


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def rsa2048() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pss(hash_: SHA256 | SHA512, salt: int, mask: SHA384 | None = None) -> Authority:
    return Authority(hash=hash_, pss=padding.PSS(padding.MGF1(mask or hash_), salt))


# W23: these passed the build and failed the node's checks.
TAKEN: dict[str, tuple[Authority, Callable[[rsa.RSAPrivateKey], Key]]] = {
    "EC P-256": (GOOD, lambda _: p256()),
    "EC P-384": (Authority(hash=SHA384()), lambda _: ec.generate_private_key(ec.SECP384R1())),
    "EC P-521": (Authority(hash=SHA512()), lambda _: ec.generate_private_key(ec.SECP521R1())),
    "RSA 2048": (GOOD, lambda key: key),
    "Ed25519": (Authority(hash=None), lambda _: ed25519.Ed25519PrivateKey.generate()),
    "RSA-PSS with SHA-256": (pss(SHA256(), 32), lambda key: key),
    "RSA-PSS with SHA-512": (pss(SHA512(), 64), lambda key: key),
    "name constraints": (
        Authority(more=((x509.NameConstraints([x509.DNSName("corp.test")], None), True),)),
        lambda _: p256(),
    ),
    "an unknown extension that is not critical": (
        Authority(
            more=((x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.311.21.1"), b"\x02\x01\x00"), False),)
        ),
        lambda _: p256(),
    ),
}


@pytest.mark.parametrize(("wanted", "key"), TAKEN.values(), ids=TAKEN)
def test_an_authority_that_every_reader_knows_is_taken(
    folder: Folder, rsa2048: rsa.RSAPrivateKey, wanted: Authority, key: Callable[[rsa.RSAPrivateKey], Key]
) -> None:
    layer = folder(corp_pem=certificate(wanted, key(rsa2048)))
    assert refusals(layer) == []
    # What is taken here, OpenSSL takes as strictly as the build and the node's check ask it.
    (authority,) = read_authorities(layer, ["files/*"], now=NOW)
    stored = layer / "stored.pem"
    stored.write_bytes(authority.pem)
    run(["openssl", "verify", "-x509_strict", "-CAfile", stored, stored], timeout=30)


# A key that Go does not know, a chain that OpenSSL or Python does not take: refused here, and so never later.
REFUSED: dict[str, tuple[Authority, Callable[[rsa.RSAPrivateKey], Key], str]] = {
    "no CA": (Authority(is_ca=False, may_sign=False), lambda _: p256(), "it is not a CA"),
    "no basicConstraints": (Authority(constraints=None), lambda _: p256(), "it is not a CA"),
    "basicConstraints not critical": (
        Authority(constraints=False),
        lambda _: p256(),
        "basicConstraints is not critical",
    ),
    "no keyUsage": (Authority(usage=False), lambda _: p256(), "it has no keyUsage"),
    "no keyCertSign": (Authority(may_sign=False), lambda _: p256(), "it may not sign certificates"),
    "no identifier": (Authority(identifier=False), lambda _: p256(), "it has no subjectKeyIdentifier"),
    "expired": (
        Authority(starts_in=timedelta(days=-9), ends_in=timedelta(days=-1)),
        lambda _: p256(),
        "it expired on",
    ),
    "expires soon": (Authority(ends_in=timedelta(days=10)), lambda _: p256(), "within 30 days"),
    "not yet valid": (Authority(starts_in=timedelta(days=2)), lambda _: p256(), "it is not valid before"),
    "RSA 1024": (
        GOOD,
        lambda _: rsa.generate_private_key(public_exponent=65537, key_size=1024),
        "its RSA key has 1024 bits",
    ),
    "P-224": (GOOD, lambda _: ec.generate_private_key(ec.SECP224R1()), "on the curve secp224r1"),
    "brainpool": (GOOD, lambda _: ec.generate_private_key(ec.BrainpoolP256R1()), "on the curve brainpoolP256r1"),
    "Ed448": (Authority(hash=None), lambda _: ed448.Ed448PrivateKey.generate(), "a kind that not every reader knows"),
    "SHA-224": (Authority(hash=SHA224()), lambda key: key, "it is signed with SHA224"),
    "RSA-PSS with another mask": (pss(SHA256(), 32, SHA384()), lambda key: key, "mask is made with SHA384"),
    "RSA-PSS with another salt": (pss(SHA256(), 20), lambda key: key, "salt has 20 bytes"),
    "no subject": (Authority(name=""), lambda _: p256(), "it has no subject"),
    "a critical extension": (
        Authority(more=((x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True),)),
        lambda _: p256(),
        "its critical extension 1.2.3.4",
    ),
}


@pytest.mark.parametrize(("wanted", "key", "says"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_names_file_certificate_and_reason(
    folder: Folder, rsa2048: rsa.RSAPrivateKey, wanted: Authority, key: Callable[[rsa.RSAPrivateKey], Key], says: str
) -> None:
    reported = refusals(folder(corp_pem=certificate(wanted, key(rsa2048))))
    assert any(each.startswith("corp.pem, certificate 1 (") and says in each for each in reported), reported


def test_a_signature_that_is_not_its_own_is_refused(folder: Folder) -> None:
    foreign = made(Authority(issuer=("Test CA", p256())), p256())
    assert "its signature is not its own" in refusals(folder(a_pem=foreign.public_bytes(Encoding.PEM)))[0]


def test_an_intermediate_needs_its_root(folder: Folder) -> None:
    root_key = p256()
    root = certificate(Authority(name="Root"), root_key)
    below = Authority(name="Issuing", issuer=("Root", root_key))
    assert refusals(folder(root_pem=root, sub_pem=certificate(below, p256()))) == []
    (folder() / "files/root.pem").unlink()
    assert "its issuer (CN=Root) is not among the files" in refusals(folder())[0]


def by_openssl(tmp_path: Path, name: str, *more: str, under: str = "") -> bytes:
    """A CA made by openssl, which still signs with what the library does not; `under` names the issuer's files."""
    at = tmp_path / name
    signer = ["-CA", f"{tmp_path / under}.pem", "-CAkey", f"{tmp_path / under}.key"] if under else []
    extensions = ["-addext", "keyUsage=critical,keyCertSign", "-addext", "basicConstraints=critical,CA:TRUE"]
    new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "99", "-subj", f"/CN={name}"]
    run(["openssl", *new, *extensions, *signer, *more, "-keyout", f"{at}.key", "-out", f"{at}.pem"], timeout=60)
    return Path(f"{at}.pem").read_bytes()


def test_sha1_is_harmless_under_a_root_and_not_in_a_chain(folder: Folder, tmp_path: Path) -> None:
    layer = folder(root_pem=by_openssl(tmp_path, "root", "-sha1"))
    assert refusals(layer) == []
    stored = layer / "files/root.pem"
    run(["openssl", "verify", "-x509_strict", "-CAfile", stored, stored], timeout=30)
    layer = folder(sub_pem=by_openssl(tmp_path, "sub", "-sha1", under="root"))
    assert refusals(layer) == [
        "sub.pem, certificate 1 (CN=sub): it is signed with SHA1, wanted SHA-256, SHA-384 or SHA-512"
    ]


def test_sha1_under_pss_is_not_strong(folder: Folder, tmp_path: Path) -> None:
    """W25: it passed as strong (openssl#3558)."""
    pss_options = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:20")
    reported = refusals(folder(a_pem=by_openssl(tmp_path, "p", "-sha1", *pss_options)))
    assert reported == ["a.pem, certificate 1 (CN=p): it is signed with SHA1, wanted SHA-256, SHA-384 or SHA-512"]


def test_md5_is_refused_under_a_root_too(folder: Folder, tmp_path: Path) -> None:
    assert "it is signed with MD5" in refusals(folder(a_pem=by_openssl(tmp_path, "m", "-md5")))[0]


def test_rsa_pss_keys_are_refused_by_name(folder: Folder, tmp_path: Path) -> None:
    argv = ["openssl", "req", "-x509", "-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048", "-nodes"]
    run([*argv, "-subj", "/CN=p", "-days", "99", "-keyout", tmp_path / "k", "-out", tmp_path / "p.pem"], timeout=60)
    assert "id-RSASSA-PSS" in " ".join(refusals(folder(p_pem=(tmp_path / "p.pem").read_bytes())))


def wrapped(pem: str) -> dict[str, bytes]:
    """One certificate, as files have it."""
    data = pem.encode()
    return {
        "CRLF": data.replace(b"\n", b"\r\n"),
        "byte order mark": b"\xef\xbb\xbf" + data,
        "UTF-16 of Windows": b"\xff\xfe" + pem.encode("utf-16-le"),
        "UTF-16, big endian": b"\xfe\xff" + pem.encode("utf-16-be"),
        "Latin-1 bag attributes": b"Bag Attributes\n    friendlyName: B\xfcrgschaft Z\xfcrich\n" + data,
        "text after it": data + b"\nnotes \xe9\n",
        "one long line": b"-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----"
        % b"".join(data.split(b"\n")[1:-2]),
        "DER": x509.load_pem_x509_certificate(data).public_bytes(Encoding.DER),
        "old label": data.replace(b" CERTIFICATE", b" X509 CERTIFICATE"),
        "indented": data.replace(b"\n", b"\n  ").replace(b"  -----END", b"-----END"),
    }


@pytest.mark.parametrize("form", wrapped(certificate(GOOD, p256())))
def test_every_wrapping_gives_the_same_canonical_text(folder: Folder, form: str) -> None:
    pem = certificate(GOOD, p256())
    layer = folder(corp_crt=wrapped(pem)[form])
    assert refusals(layer) == []
    (authority,) = read_authorities(layer, ["files/*"])
    assert authority.pem.decode() == pem
    # Python's own reader finds the same one in it.
    assert ssl.PEM_cert_to_DER_cert(authority.pem.decode()) == authority.der


def test_several_certificates_of_a_file_become_files_of_their_own(folder: Folder) -> None:
    one, two = certificate(Authority(name="A"), p256()), certificate(Authority(name="B"), p256())
    layer = folder(bundle_pem=f"# A\n{one}\n# B\n{two}")
    assert [each.name for each in read_authorities(layer, ["files/*"], now=NOW)] == ["bundle-1", "bundle-2"]


BAD_FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "holds no certificate"),
    "a note": (lambda: b"to do\n", "holds no certificate"),
    "a private key": (lambda: (certificate(GOOD, k := p256()) + private_key(k)).encode(), "holds a private key"),
    "a key alone": (lambda: private_key(p256()).encode(), "holds a private key"),
    "cut": (lambda: certificate(GOOD, p256()).encode()[:200], "a BEGIN line without its END line"),
    "damaged base64": (
        lambda: certificate(GOOD, p256()).replace("\nMII", "\n*II").encode(),
        "certificate 1 is damaged",
    ),
    "damaged DER": (lambda: b"0\x82\x01\x00rest", "certificate 1 is damaged, or no certificate"),
    "another kind of DER": (lambda: b"0\x05\x02\x01\x00\x05\x00", "certificate 1 is not an X.509 certificate"),
    "PKCS #7 in DER": (lambda: pkcs7([made(GOOD, p256())], Encoding.DER), "openssl pkcs7 -inform DER -print_certs"),
    "PKCS #12": (
        lambda: pkcs12(None, None, None, [made(GOOD, p256())], NoEncryption()),
        "openssl pkcs12 -nokeys",
    ),
    "out of JSON": (
        lambda: certificate(GOOD, p256()).replace("\n", "\\n").encode(),
        r"line ends written as \n",
    ),
    "all a comment": (
        lambda: certificate(GOOD, p256()).replace("\n", "\n# ").join(("# ", "\n")).encode(),
        "holds no certificate but in lines that are comments",
    ),
    "PKCS #7": (lambda: b"-----BEGIN PKCS7-----\nMII=\n-----END PKCS7-----\n", "openssl pkcs7 -print_certs"),
    "OpenSSL's own form": (
        lambda: certificate(GOOD, p256()).replace(" CERT", " TRUSTED CERT").encode(),
        "TRUSTED CERTIFICATE",
    ),
    "a request": (
        lambda: b"-----BEGIN CERTIFICATE REQUEST-----\nMII=\n-----END CERTIFICATE REQUEST-----\n",
        "a request for a certificate",
    ),
}


@pytest.mark.parametrize(("data", "says"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_certificate_is_refused(folder: Folder, data: Callable[[], bytes], says: str) -> None:
    reported = refusals(folder(corp_pem=data()))
    assert reported[0].startswith("corp.pem: ")
    assert says in reported[0]


def test_the_same_certificate_twice_is_refused(folder: Folder) -> None:
    same = certificate(GOOD, p256())
    assert refusals(folder(a_pem=same, b_pem=same)) == [
        "b.pem, certificate 1 (CN=Test CA): a.pem, certificate 1, is the same"
    ]


def test_two_names_that_would_be_one_file_are_refused(folder: Folder) -> None:
    layer = folder(a_pem=certificate(GOOD, p256()), a_crt=certificate(replace(GOOD, name="B"), p256()))
    assert "rename one of them" in refusals(layer)[0]


def test_one_bad_certificate_spoils_the_rest_and_all_are_told(folder: Folder) -> None:
    layer = folder(
        a_pem=certificate(GOOD, p256()), b_pem=certificate(Authority(is_ca=False, name="B"), p256()), c_pem=b""
    )
    with pytest.raises(ConfigError) as caught:
        read_authorities(layer, ["files/*"])
    assert "b.pem" in f"{caught.value}{caught.value.hint}"
    assert "c.pem" in f"{caught.value}{caught.value.hint}"
    assert "images/ca-trust/README.md" in caught.value.hint


def test_a_pattern_without_files_is_refused(folder: Folder) -> None:
    assert refusals(folder()) == ["files/*: no such file in the layer"]


def test_without_a_moment_the_clock_counts_for_nothing(folder: Folder) -> None:
    layer = folder(a_pem=certificate(Authority(starts_in=timedelta(days=-9), ends_in=timedelta(days=-1)), p256()))
    assert judged(layer, ["files/*"])[1] == ()


def test_the_authorities_of_this_project_pass() -> None:
    assert judged(LAYER, ["files/*"], now=NOW)[1] == ()


def test_the_id_is_of_the_content_and_not_of_its_wrapping(folder: Folder) -> None:
    pem = certificate(GOOD, p256())
    first = content_id(read_authorities(folder(a_pem=pem), ["files/*"]))
    assert content_id(read_authorities(folder(a_pem=b"# x\r\n" + pem.encode()), ["files/*"])) == first
    assert content_id(read_authorities(folder(a_pem=certificate(GOOD, p256())), ["files/*"])) != first


@pytest.mark.parametrize(("data", "says"), ODD.values(), ids=ODD)
def test_what_go_does_not_take_is_refused(folder: Folder, data: Callable[[], bytes], says: str) -> None:
    """Known to crypto/x509 alone; tests/integration/config asks Go itself of the same."""
    reported = refusals(folder(corp_pem=data()))
    assert len(reported) == bool(says), reported
    assert says in "".join(reported)


def test_a_curve_in_figures_is_refused(folder: Folder, tmp_path: Path) -> None:
    """openssl ecparam -param_enc explicit; OpenSSL reads it, Go does not."""
    key, out = tmp_path / "key", tmp_path / "out.pem"
    run(
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-param_enc", "explicit", "-out", key],
        timeout=60,
    )
    asked = ["-subj", "/CN=x", "-addext", "keyUsage=critical,keyCertSign", "-days", "900"]
    run(["openssl", "req", "-new", "-x509", "-key", key, "-out", out, *asked], timeout=60)
    assert any("curve written out in figures" in each for each in refusals(folder(corp_pem=out.read_bytes())))


def test_a_block_in_comments_is_none(folder: Folder) -> None:
    """An authority that somebody took out of a bundle, and words that mention one."""
    old, new = (certificate(Authority(name=name), p256()) for name in ("Old", "New"))
    commented = "".join(f"# {line}\n" for line in old.splitlines())
    layer = folder(bundle_pem=f"# paste after -----BEGIN CERTIFICATE-----\n{commented}{new}")
    assert [str(each) for each in read_authorities(layer, ["files/*"], now=NOW)] == [
        "bundle.pem, certificate 1 (CN=New)"
    ]


def test_der_that_was_put_together(folder: Folder) -> None:
    ders = [made(Authority(name=name), p256()).public_bytes(Encoding.DER) for name in ("A", "B")]
    layer = folder(bundle_der=ders[0] + ders[1] + b"\r\n")
    assert [each.der for each in read_authorities(layer, ["files/*"], now=NOW)] == ders
