"""What a node is told at its first boot, and the archives it comes in."""

from __future__ import annotations

import stat
from pathlib import Path

import yaml

from imagekit.artifact import cpio
from imagekit.artifact.initrd import fast_initrd, init_script
from imagekit.artifact.seed import NodeIdentity, cidata, cloud_config, fast_overlay

HARNESS = Path(__file__).parents[3] / "vm-harness"
IDENTITY = NodeIdentity(
    hostname="n1",
    user="imagekit-test",
    authorized_key="ssh-ed25519 AAA",
    host_key="PRIVATE\n",
    host_key_public="ssh-ed25519 BBB",
)


def unpacked(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Path to mode and content of a newc archive."""
    found: dict[str, tuple[int, bytes]] = {}
    at = 0
    while True:
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * number : at + 14 + 8 * number], 16) for number in range(13)]
        start = at + 110
        name = data[start : start + fields[11] - 1].decode()
        body = -(-(start + fields[11]) // 4) * 4
        at = -(-(body + fields[6]) // 4) * 4
        if name == "TRAILER!!!":
            assert len(data) % 512 == 0
            return found
        found[name] = (fields[1], data[body : body + fields[6]])


def test_archive_holds_files_links_and_the_console() -> None:
    found = unpacked(
        cpio.archive([cpio.folder("a"), cpio.file("a/b", b"12345", 0o600), cpio.link("l", "a/b"), cpio.console()])
    )
    assert found["a/b"] == (stat.S_IFREG | 0o600, b"12345")
    assert found["l"] == (stat.S_IFLNK | 0o777, b"a/b")
    assert stat.S_ISCHR(found["dev/console"][0])


def test_fast_initrd_lists_its_modules_in_order() -> None:
    found = unpacked(fast_initrd(init_script(HARNESS), b"busybox", [("b.ko", b"1"), ("a.ko", b"2")]))
    assert found["modules/order"][1] == b"b.ko\na.ko\n"
    assert found["init"][0] & 0o111
    assert found["bin/sh"][1] == b"busybox"


def test_fast_overlay_keeps_the_host_key_private() -> None:
    found = unpacked(fast_overlay(IDENTITY, HARNESS))
    assert found["harness/ssh_host_ed25519_key"] == (stat.S_IFREG | 0o600, b"PRIVATE\n")
    assert found["harness"][0] == stat.S_IFDIR | 0o700


def test_host_key_is_not_in_the_representation() -> None:
    assert "PRIVATE" not in repr(IDENTITY)


def test_user_and_keys_come_before_sshd() -> None:
    text = cloud_config(IDENTITY)
    assert text.startswith("#cloud-config\n")
    document = yaml.safe_load(text)
    (step,) = document["stages"]["initramfs"]
    assert step["authorized_keys"] == {"imagekit-test": ["ssh-ed25519 AAA"]}
    assert {file["path"]: file["permissions"] for file in step["files"]}["/etc/ssh/ssh_host_ed25519_key"] == 0o600
    assert "users" not in document


def test_the_images_own_configuration_stays() -> None:
    """operator.md: the harness's host name and account stood in for the profile's."""
    profile = {
        "install": {"auto": False},
        "hostname": "other",
        "stages": {"initramfs": [{"users": {"kairos": {}}}], "boot": [{"commands": ["true"]}], "after-install": []},
    }
    document = yaml.safe_load(cloud_config(IDENTITY, profile))
    assert document["install"] == {"auto": False}
    assert document["hostname"] == "other"
    own, ours, mark = document["stages"]["initramfs"]
    assert own == {"users": {"kairos": {}}}
    assert "hostname" not in ours
    assert [step for step in document["stages"]["boot"] if "imagekit" in step.get("name", "")]
    assert mark["commands"] == ["mkdir -p /run/imagekit/stages && touch /run/imagekit/stages/initramfs"]
    assert document["stages"]["after-install"] == []


def test_without_a_profile_nobody_names_the_node() -> None:
    assert "hostname" not in cloud_config(IDENTITY)


def test_the_disk_of_user_data_names_no_host(tmp_path: Path) -> None:
    cidata("#cloud-config\n", "n1", tmp_path)
    assert (tmp_path / "cidata/meta-data").read_text() == "instance-id: n1\n"
