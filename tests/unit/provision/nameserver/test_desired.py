"""Records out of manifests: what DNS does not take is told with file and object."""

from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.provision.check.reading import read_tree
from imagekit.provision.nameserver.desired import desired
from imagekit.provision.nameserver.key import read_key
from tests.support.manifests import GOOD

TEXT = (GOOD / "dns.yaml").read_text()


def of(folder: Path, text: str) -> list[str]:
    (folder / "dns.yaml").write_text(text)
    return [
        f"{name} {found.rdtype.name} {' '.join(sorted(each.to_text() for each in found))}"
        for zone in desired(read_tree([folder]))
        for (name, _), found in sorted(zone.sets.items())
    ]


def test_the_records_of_the_zone(tmp_path: Path) -> None:
    assert of(tmp_path, TEXT) == [
        "api.tdc.bank.example. CNAME tdc-worker-01.tdc.bank.example.",
        "tdc-worker-01.tdc.bank.example. A 192.0.2.11",
        "tdc-worker-01.tdc.bank.example. AAAA 2001:db8::11",
        '_image.tdc-worker-01.tdc.bank.example. TXT "sha256:3f9c1a2b7d10"',
    ]


def test_quotes_and_backslashes_of_a_text_stay(tmp_path: Path) -> None:
    text = TEXT.replace('["sha256:3f9c1a2b7d10"]', r"""['a "b" \c', 'two']""")
    assert any(r'"a \"b\" \\c" "two"' in line for line in of(tmp_path, text))


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("192.0.2.11", "192.0.2.300", "ARecord fleet/tdc-worker-01: spec"),
        ('"2001:db8::11"', '"192.0.2.1"', "AAAARecord"),
        ("imagekit.dev/zone: tdc}}\nspec: {name: tdc-worker-01", "a: b}}\nspec: {name: tdc-worker-01", "0 zones"),
        ("name: _image.tdc-worker-01", f"name: {'x' * 64}", "spec.name"),
        ("zoneName: tdc.bank.example", f"zoneName: {'y' * 64}.example", "spec.zoneName"),
        ("kind: TXTRecord", "kind: SRVRecord", "not written by imagekit"),
        ("kind: DNSZone", "kind: DNSZone\nkind: DNSZone", "a second time"),
    ],
)  # fmt: skip
def test_what_dns_does_not_take(tmp_path: Path, old: str, new: str, word: str) -> None:
    assert old in TEXT
    with pytest.raises(ConfigError) as caught:
        of(tmp_path, TEXT.replace(old, new, 1))
    assert word in str(caught.value)
    assert "dns.yaml:" in str(caught.value)


def test_no_zone_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no DNSZone"):
        of(tmp_path, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no TSIG key"),
        ('key "a" { algorithm hmac-md5; secret "c2VjcmV0IG9mIGEgdGVzdCwgMzIgYnl0ZXM="; };', "too weak"),
        ('key "a" { algorithm hmac-sha256; secret "c2hvcnQ="; };', "only 5 bytes"),
        ('key "a" { algorithm hmac-sha256; secret "c2hvcnQ"; };', "cannot be read"),
    ],
)
def test_a_key_that_is_none(tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "k").write_text(text)
    with pytest.raises(ConfigError, match=word) as caught:
        read_key(tmp_path / "k")
    assert "c2hvcnQ" not in str(caught.value) + caught.value.hint


def test_a_key_as_tsig_keygen_writes_it(tmp_path: Path) -> None:
    (tmp_path / "k").write_text(
        'key "ddns" {\n\talgorithm hmac-sha256;\n\tsecret "c2VjcmV0IG9mIGEgdGVzdCwgMzIgYnl0ZXM=";\n};\n'
    )
    key = read_key(tmp_path / "k")
    assert key.name == "ddns"
    assert "secret" not in repr(key)
