"""The inventory is read from the layers, kept for a digest, and made anew where what is kept is not whole."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest

from imagekit.inventory import parts, take
from imagekit.inventory.model import LayerSize
from imagekit.oci.errors import ImageContentError
from imagekit.oci.reference import Digest
from tests.support.inventories import base, inventory, put, status
from tests.support.layout import directory, hard_link, layer, layout, member, symlink


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    digest = layout(tmp_path / "oci", [layer(*base().values())])
    made = take.inventory_of(tmp_path / "oci", digest, tmp_path / take.NAME)
    for blob in (tmp_path / "oci/blobs/sha256").iterdir():
        blob.unlink()
    assert take.inventory_of(tmp_path / "oci", digest, tmp_path / take.NAME) == made


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 1}', '{"format": 99, "digest": "DIGEST"}'])
def test_what_is_damaged_is_made_anew(damage: str, tmp_path: Path) -> None:
    digest = layout(tmp_path / "oci", [layer(*base().values())])
    (tmp_path / take.NAME).write_text(damage.replace("DIGEST", str(digest)))
    made = take.inventory_of(tmp_path / "oci", digest, tmp_path / take.NAME)
    assert made.kernels == ("6.12.117",)
    assert take.read_kept(tmp_path / take.NAME, digest) == made
    assert take.read_kept(tmp_path / take.NAME, Digest("sha256:" + "0" * 64)) is None


def test_a_layer_that_is_not_what_its_digest_says_leaves_nothing(tmp_path: Path) -> None:
    digest = layout(tmp_path / "oci", [layer(*base().values())])
    for blob in (tmp_path / "oci/blobs/sha256").iterdir():
        if blob.read_bytes()[:1] != b"{":
            blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    with pytest.raises(ImageContentError):
        take.inventory_of(tmp_path / "oci", digest, tmp_path / take.NAME)
    assert not (tmp_path / take.NAME).exists()


def test_a_second_name_is_the_same_file(tmp_path: Path) -> None:
    members = base()
    digest = layout(tmp_path, [layer(*members.values(), hard_link("usr/bin/zcurl", "usr/bin/curl"))])
    files = take.take(tmp_path, digest)[1].files
    assert files["usr/bin/zcurl"].content == files["usr/bin/curl"].content != ""
    assert (files["usr/bin/curl"].package, files["usr/bin/zcurl"].package) == ("curl", "")


def test_layers_get_names_only_where_the_build_knows_them(tmp_path: Path) -> None:
    found = inventory(tmp_path)
    size = found.layers[0].size
    rows = (LayerSize("base", "sha256:1", size - 10),)
    assert [(each.name, each.size) for each in take.named(found, rows).layers] == [
        ("distribution", 10),
        ("base", size - 10),
    ]
    assert take.named(found, ()) == found
    assert take.named(found, (LayerSize("base", "", 0),)) == found
    assert take.named(found, (LayerSize("base", "sha256:1", size + 1),)) == found


def test_etc_wins_over_usr_and_later_names_over_earlier(tmp_path: Path) -> None:
    """sysctl.d(5): one name counts once, and -key, key/with/slashes are the same key."""

    def files(members: dict) -> None:  # type: ignore[type-arg]  # the members of a layer
        put(members, "usr/lib/sysctl.d/50-ours.conf", b"kernel.a=hidden\n")
        put(members, "usr/lib/sysctl.d/90-late.conf", b"-net/ipv4/ip_forward = 2\n; kernel.b=1\n")

    assert inventory(tmp_path, files).sysctls == {"net.ipv4.ip_forward": "2"}


@pytest.mark.parametrize(
    ("attribute", "reported"),
    [
        (struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0), "cap_net_raw"),
        (struct.pack("<6I", 0x03000001, 1 << 10, 0, 1 << 7, 0, 0), "cap_net_bind_service,cap_bpf"),
        (struct.pack("<5I", 0x02000001, 0, 0, 1 << 20, 0), "52"),
        (struct.pack("<5I", 0x02000000, 1 << 13, 0, 0, 0), "cap_net_raw; not effective by themselves"),
        (struct.pack("<5I", 0x02000001, 1 << 13, 1 << 7, 0, 0), "cap_net_raw; inheritable cap_setuid"),
        (struct.pack("<6I", 0x03000001, 1 << 13, 0, 0, 0, 1000), "cap_net_raw; in the user namespace of 1000"),
        (b"\x01\x02", "0102"),
    ],
)
def test_capabilities_by_name(attribute: bytes, reported: str) -> None:
    assert parts.capabilities(attribute) == reported


def test_a_kept_file_that_a_layer_names_through_a_link_is_read_all_the_same(tmp_path: Path) -> None:
    names = [directory("var/lib/dpkg"), symlink("db", "var/lib/dpkg"), member("db/status", status(jq="1.7"))]
    found = take.take(tmp_path, layout(tmp_path, [layer(*names)]))[1]
    assert [(each.name, each.version) for each in found.packages] == [("jq", "1.7")]
    assert found.files["var/lib/dpkg/status"].content == hashlib.sha256(status(jq="1.7")).hexdigest()


def test_a_database_that_every_layer_writes_anew_is_the_last_one(tmp_path: Path) -> None:
    layers = [layer(*base().values())] + [
        layer(member("var/lib/dpkg/status", status(curl=f"8.{number}-1"))) for number in range(5)
    ]
    found = take.take(tmp_path, layout(tmp_path, layers))[1]
    assert [(each.name, each.version) for each in found.packages] == [("curl", "8.4-1")]


def test_what_is_kept_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagekit.artifact.inventory._MOST_KEPT", 100)
    digest = layout(tmp_path, [layer(*base().values())])
    with pytest.raises(ImageContentError, match="and what else says what is installed"):
        take.take(tmp_path, digest)
