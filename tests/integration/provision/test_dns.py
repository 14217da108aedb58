"""Rendered records on a real BIND, by dynamic updates signed with TSIG."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import pytest
from click.testing import CliRunner

from imagekit.cli import cli
from imagekit.provision.check.reading import read_tree
from imagekit.provision.nameserver.apply import apply, differences
from imagekit.provision.nameserver.desired import Zone, desired
from imagekit.provision.nameserver.key import read_key
from imagekit.provision.nameserver.server import NameServer, NameServerError, UpdateRefusedError
from tests.support.bind import ZONE, Bind, named_program, running
from tests.support.manifests import GOOD


@pytest.fixture
def bind(tmp_path: Path) -> Iterator[Bind]:
    with running(tmp_path, named_program()) as found:
        yield found


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    folder = tmp_path / "manifests"
    folder.mkdir()
    (folder / "dns.yaml").write_text((GOOD / "dns.yaml").read_text())
    return folder


def zones(folder: Path) -> list[Zone]:
    return desired(read_tree([folder]))


def asked(bind: Bind, name: str, kind: str) -> list[str]:
    """What somebody else's question gets."""
    answer = dns.query.tcp(dns.message.make_query(f"{name}.{ZONE}", kind), "127.0.0.1", port=bind.port, timeout=5)
    return sorted(each.to_text() for found in answer.answer for each in found)


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "dns.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_records_are_written_seen_and_written_once(bind: Bind, manifests: Path) -> None:
    server, key = NameServer.parse(bind.address), read_key(bind.key())
    assert len(apply(server, zones(manifests), key)) == 4
    assert asked(bind, "tdc-worker-01", "A") == ["192.0.2.11"]
    assert asked(bind, "tdc-worker-01", "AAAA") == ["2001:db8::11"]
    assert asked(bind, "api", "CNAME") == [f"tdc-worker-01.{ZONE}."]
    assert asked(bind, "_image.tdc-worker-01", "TXT") == ['"sha256:3f9c1a2b7d10"']
    assert apply(server, zones(manifests), key) == []
    edit(manifests, "192.0.2.11", "192.0.2.12")
    assert [each.described() for each in apply(server, zones(manifests), key)] == [
        f"tdc-worker-01.{ZONE}. A: 192.0.2.11 (300 s) -> 192.0.2.12 (300 s)"
    ]
    assert asked(bind, "tdc-worker-01", "A") == ["192.0.2.12"]
    assert asked(bind, "mail", "A") == ["192.0.2.99"]


def test_what_is_gone_is_removed_only_as_it_was_written(bind: Bind, manifests: Path, tmp_path: Path) -> None:
    server, key = NameServer.parse(bind.address), read_key(bind.key())
    before = zones(manifests)
    apply(server, before, key)
    text = (manifests / "dns.yaml").read_text()
    parts = [each for each in text.split("---\n") if "TXTRecord" not in each and "AAAARecord" not in each]
    (manifests / "dns.yaml").write_text("---\n".join(parts))
    after = zones(manifests)
    assert apply(server, after, key) == []  # without what was before nothing is known to be ours
    other = [Zone(each.name, {**each.sets}) for each in before]
    changed = tmp_path / "changed"
    changed.mkdir()
    (changed / "dns.yaml").write_text(text.replace("2001:db8::11", "2001:db8::99"))
    apply(server, zones(changed), key)  # somebody else's value stands there by now
    gone = apply(server, after, key, other)
    assert [each.key[0].to_text() for each in gone] == [f"_image.tdc-worker-01.{ZONE}."]
    assert asked(bind, "_image.tdc-worker-01", "TXT") == []
    assert asked(bind, "tdc-worker-01", "AAAA") == ["2001:db8::99"]


@pytest.mark.parametrize(
    ("name", "secret", "word"),
    [
        ("imagekit", "YW5vdGhlciBzZWNyZXQgb2YgYSB0ZXN0LCB0b28gbG8=", "BADSIG"),
        ("stranger", "YW5vdGhlciBzZWNyZXQgb2YgYSB0ZXN0LCB0b28gbG8=", "BADKEY"),
        ("reader", "", "refuses it"),
    ],
)
def test_a_key_that_may_not_is_told_apart(bind: Bind, manifests: Path, name: str, secret: str, word: str) -> None:
    key = read_key(bind.key(name, secret) if secret else bind.key(name))
    with pytest.raises(UpdateRefusedError, match=re.escape(word)) as caught:
        apply(NameServer.parse(bind.address), zones(manifests), key)
    assert caught.value.hint
    assert secret not in str(caught.value) + caught.value.hint or not secret
    assert asked(bind, "tdc-worker-01", "A") == []


def test_a_zone_that_the_policy_refuses_and_one_that_is_not_there(bind: Bind, manifests: Path) -> None:
    server, key = NameServer.parse(bind.address), read_key(bind.key())
    edit(manifests, f"zoneName: {ZONE}", "zoneName: other.example")
    with pytest.raises(UpdateRefusedError, match="refuses it"):
        apply(server, zones(manifests), key)
    edit(manifests, "zoneName: other.example", "zoneName: nobody.example")
    with pytest.raises(UpdateRefusedError, match=r"not authoritative for nobody\.example"):
        apply(server, zones(manifests), key)


def test_a_record_that_the_server_drops_silently_is_seen(bind: Bind, manifests: Path) -> None:
    """RFC 2136 3.4.2.2: a CNAME is dropped without a word where the name has other records."""
    server, key = NameServer.parse(bind.address), read_key(bind.key())
    edit(manifests, "name: api, target", "name: mail, target")
    with pytest.raises(UpdateRefusedError, match="took the update"):
        apply(server, zones(manifests), key)


def test_nobody_there(tmp_path: Path, manifests: Path) -> None:
    with pytest.raises(NameServerError, match=r"127\.0\.0\.1:1"):
        differences(NameServer.parse("127.0.0.1:1"), zones(manifests)[0])


def test_the_commands(bind: Bind, manifests: Path) -> None:
    def call(*words: object, code: int = 0) -> str:
        done = CliRunner().invoke(cli, ["provision", "dns", *map(str, words)])
        assert done.exit_code == code, (done.output, done.exception)
        return done.output

    assert "4 differ" in call("check", manifests, "--server", bind.address, code=1)
    options = ("--server", bind.address, "--key", bind.key())
    assert "4 sets of records would change" in call("apply", manifests, *options, "--dry-run")
    assert asked(bind, "tdc-worker-01", "A") == []
    assert "4 sets of records changed" in call("apply", manifests, *options)
    assert "0 differ" in call("check", manifests, "--server", bind.address)
