"""What expires in an image, in files, and how it stands, with a turned clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from imagekit.inventory.certificates import certificates_of, expiries
from imagekit.inventory.horizon import Expiry, Place, Standing, Thresholds, judge, line
from tests.support.authorities import Authority, made
from tests.support.inventories import base, pem, put
from tests.support.layout import layer, layout

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def certificate(name: str, days: float, *, der: bool = False) -> bytes:
    wanted = Authority(name=name, ends_in=timedelta(days=days), starts_in=timedelta(days=-1000))
    return made(wanted, ec.generate_private_key(ec.SECP256R1())).public_bytes(Encoding.DER if der else Encoding.PEM)


def dated(begins: datetime, ends_at: datetime) -> bytes:
    """As no authority would make it: with any two times."""
    own, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    builder = x509.CertificateBuilder(name, name, own.public_key(), 1, datetime(2050, 1, 1), datetime(2051, 1, 1))
    der = builder.sign(own, SHA256()).public_bytes(Encoding.DER)
    for text, wanted in (("20500101000000Z", begins), ("20510101000000Z", ends_at)):
        old = b"\x18\x0f" + text.encode()
        assert der.count(old) == 1
        der = der.replace(old, b"\x18\x0f" + f"{wanted:%Y%m%d%H%M%SZ}".encode())
    return der


def key() -> bytes:
    made_key = ec.generate_private_key(ec.SECP256R1())
    return made_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def ends(days: float, place: Place = Place.IMAGE) -> Expiry:
    return Expiry(place=place, what="CN=x", where="/etc/x.crt", until=NOW + days * DAY)


@pytest.mark.parametrize(
    ("days", "standing"),
    [
        *((61, Standing.GOOD), (60, Standing.WARNS), (15, Standing.WARNS), (14, Standing.BLOCKS)),
        *((0.1, Standing.BLOCKS), (0, Standing.EXPIRED), (-1, Standing.EXPIRED)),
    ],
)
def test_standings(days: float, standing: Standing) -> None:
    [one] = judge([ends(days)], NOW, Thresholds())
    assert one.standing is standing
    assert one.blocks is (standing in (Standing.BLOCKS, Standing.EXPIRED))


def test_the_distributions_authorities_warn_and_block_nothing() -> None:
    assert [each.blocks for each in judge([ends(-1, Place.BUNDLE), ends(-1)], NOW, Thresholds())] == [False, True]


def test_a_year_goes_by() -> None:
    """The same certificate with a clock that is turned on a day at a time: good, warns, blocks, expired, once each."""
    one, seen = ends(365), list[tuple[int, Standing]]()
    for day in range(400):
        [judged] = judge([one], NOW + day * DAY, Thresholds())
        if not seen or seen[-1][1] is not judged.standing:
            seen.append((day, judged.standing))
    assert seen == [(0, Standing.GOOD), (305, Standing.WARNS), (351, Standing.BLOCKS), (365, Standing.EXPIRED)]


@pytest.mark.parametrize(
    ("begins", "ends_in", "standing"),
    [
        (1, 1000, Standing.EARLY),  # nobody accepts it today
        (-10, 8_000, Standing.GOOD),
        (-9_000, -8_000, Standing.EXPIRED),
        (10, 5, Standing.UNREADABLE),
    ],
)
def test_certificates_that_begin_and_end_oddly(begins: float, ends_in: float, standing: Standing) -> None:
    data = dated(NOW + begins * DAY, NOW + ends_in * DAY)
    [one] = judge(expiries(data, Place.PROJECT, "x.crt", set()), NOW, Thresholds())
    assert one.standing is standing
    assert one.blocks is (standing is not Standing.GOOD)
    assert standing.value in line(one, NOW)


def test_a_certificate_without_an_end_or_of_no_known_version_blocks_and_is_no_crash() -> None:
    """99991231235959Z is RFC 5280's "no end"; a version that is not known is refused by whoever reads it."""
    forever = dated(NOW - DAY, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    [one] = judge(expiries(forever, Place.PROJECT, "x.crt", set()), NOW, Thresholds())
    assert one.standing is Standing.GOOD
    der = certificate("a", 100, der=True)
    other = der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020107"), 1)
    assert other != der
    [one] = judge(expiries(other, Place.PROJECT, "x.crt", set()), NOW, Thresholds())
    assert (one.standing, one.blocks) == (Standing.UNREADABLE, True)


def test_what_ends_first_stands_first_and_what_nobody_can_read_before_all() -> None:
    broken = Expiry(place=Place.KEYS, what="certificate", where="k.pem", until=None, problem="damaged")
    judged = judge([ends(30), ends(5), broken], NOW, Thresholds())
    assert [each.standing for each in judged] == [Standing.UNREADABLE, Standing.BLOCKS, Standing.WARNS]
    assert line(judged[0], NOW) == "unreadable: certificate, keys: k.pem: damaged"
    assert "(in 5 days), image: /etc/x.crt" in line(judged[1], NOW)


def test_every_certificate_of_an_image_once(tmp_path: Path) -> None:
    ours = certificate("Bank Root", 20)
    members = base()
    put(members, "usr/share/ca-certificates/imagekit/bank.crt", ours)  # where the layer ca-trust puts them
    put(members, "usr/share/ca-certificates/mozilla/One.crt", pem("One").encode())
    put(members, "etc/ssl/certs/ca-certificates.crt", ours + pem("One").encode())
    put(members, "etc/ssl/certs/bank.pem", ours)
    put(members, "etc/k0s/leaf.pem", key() + certificate("leaf", 3))
    put(members, "etc/k0s/der.cer", certificate("der", 400, der=True))
    put(members, "etc/k0s/key.pem", key())
    put(members, "etc/k0s/broken.crt", b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n")
    put(members, "usr/share/doc/x/example.crt", certificate("example", -900))
    found = certificates_of(tmp_path, layout(tmp_path, [layer(*members.values())]))
    told = {each.what.partition(" (")[0]: (each.place, each.where) for each in found}
    assert told == {
        "CN=Bank Root": (Place.IMAGE, "/usr/share/ca-certificates/imagekit/bank.crt"),
        "CN=leaf": (Place.IMAGE, "/etc/k0s/leaf.pem"),
        "CN=der": (Place.IMAGE, "/etc/k0s/der.cer"),
        "certificate": (Place.IMAGE, "/etc/k0s/broken.crt"),
        "CN=One": (Place.BUNDLE, "/etc/ssl/certs/ca-certificates.crt"),
    }


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        (b"", []),
        (b"text about a CERTIFICATE", []),
        (b"\x30\x82 no certificate", [True]),
        (b"-----BEGIN CERTIFICATE-----\nMII", [True]),
        (b"-----BEGIN CERTIFICATE REQUEST-----\nMII\n-----END CERTIFICATE REQUEST-----", []),
        (certificate("a", 1) + b"comment\r\n" + certificate("b", 2), [False, False]),
        (certificate("a", 1) + b"-----BEGIN CERTIFICATE-----\nMII", [False, True]),
        (b"  -----BEGIN CERTIFICATE-----\r\n???\r\n  -----END CERTIFICATE-----\r\n", [True]),
        # A program that looks for certificates has none.
        (b"awk '/-----BEGIN CERTIFICATE-----/ { on = 1 }\n/-----END CERTIFICATE-----/ { on = 0 }' x", []),
        (b'if "-----BEGIN CERTIFICATE-----" in text:\n', []),
        # Inside of a string of JSON, and damaged there.
        (b'{"ca": "' + certificate("a", 1).replace(b"\n", b"\\n") + b'"}', [False]),
        (b'{"ca": "' + certificate("a", 1).replace(b"\n", b"\\r\\n") + b'", "n": 1}', [False]),
        (b'{"ca": "' + certificate("a", 1)[:300].replace(b"\n", b"\\n") + b'"}', [True]),
        (certificate("a", 1).strip() + certificate("b", 1), [False, False]),
    ],
)
def test_files(data: bytes, problems: list[bool]) -> None:
    assert [each.until is None for each in expiries(data, Place.PROJECT, "x.crt", set())] == problems
