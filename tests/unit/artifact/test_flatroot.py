"""The root of an image as one tar: folders before what is in them, whatever order its layers have."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from imagekit.artifact import ext
from imagekit.artifact.ext import write_image
from imagekit.artifact.flatroot import FlatRoot, flat_root
from imagekit.artifact.programs import find
from imagekit.base.errors import ToolError
from imagekit.base.process import run
from tests.support.layout import attributed, directory, hard_link, layer, layout, member, symlink

FOLDERS = ("run", "dev", "boot", "usr", "usr/local", "oem", "proc", "sys", "tmp")
BELOW = layer(
    directory("etc", mode=0o750),
    member("etc/release", b"old"),
    member("etc/hosts", b"x" * 3000),
    hard_link("h", "etc/hosts"),
)
ABOVE = layer(member("etc/release", b"new"), member("opt/tool/run", b"y" * 700))


def test_folders_come_first_and_nothing_else_changes(tmp_path: Path) -> None:
    root = flat_root(tmp_path, layout(tmp_path, (BELOW, ABOVE)), tmp_path / "rootfs.tar")
    with tarfile.open(root.tar) as archive:
        names = [name for name in archive.getnames() if name not in FOLDERS]
        assert names == ["etc", "opt", "opt/tool", "etc/hosts", "etc/release", "opt/tool/run", "h"]
        assert archive.getmember("etc").mode == 0o750
    found = [root.read(path) for path in ("/etc/release", "/etc/hosts", "/h", "/opt/tool/run")]
    assert found == [b"new", b"x" * 3000, b"x" * 3000, b"y" * 700]
    assert [path.name for path in tmp_path.glob("rootfs*")] == ["rootfs.tar"]


def test_the_order_of_a_layer_does_not_matter(tmp_path: Path) -> None:
    members = [directory("a"), directory("a/b"), member("a/b/c", b"1"), member("z", b"")]
    roots = []
    for name, order in (("one", members), ("two", [members[2], members[1], members[3], members[0]])):
        (tmp_path / name).mkdir()
        digest = layout(tmp_path / name, (layer(*order),))
        roots.append(flat_root(tmp_path / name, digest, tmp_path / name / "rootfs.tar").tar.read_bytes())
    assert roots[0] == roots[1]


def modes(root: FlatRoot) -> dict[str, tuple[bytes, int]]:
    """Kind and mode of every member."""
    with tarfile.open(root.tar) as archive:
        return {each.name: (each.type, each.mode) for each in archive}


def test_a_root_has_what_the_agent_makes_in_every_image(tmp_path: Path) -> None:
    """K12: a real image has no /oem, and without it immucore leaves a bare read-only root."""
    root = flat_root(tmp_path, layout(tmp_path, (BELOW,)), tmp_path / "rootfs.tar")
    found = modes(root)
    assert {path: found[path] for path in FOLDERS if path in found} == {
        **dict.fromkeys(("run", "dev", "boot", "usr", "usr/local", "oem"), (tarfile.DIRTYPE, 0o755)),
        **dict.fromkeys(("proc", "sys"), (tarfile.DIRTYPE, 0o555)),
        "tmp": (tarfile.DIRTYPE, 0o1777),
    }


def test_what_the_image_has_of_them_stays_as_it_is(tmp_path: Path) -> None:
    theirs = layer(directory("oem", mode=0o700), directory("usr"), symlink("usr/local", "../var/usrlocal"))
    found = modes(flat_root(tmp_path, layout(tmp_path, (theirs,)), tmp_path / "rootfs.tar"))
    assert found["oem"] == (tarfile.DIRTYPE, 0o700)
    assert found["usr/local"] == (tarfile.SYMTYPE, 0o777)


def test_nothing_is_made_below_what_is_no_folder(tmp_path: Path) -> None:
    odd = layer(symlink("usr", "system/usr"))
    assert "usr/local" not in modes(flat_root(tmp_path, layout(tmp_path, (odd,)), tmp_path / "rootfs.tar"))


def test_what_an_upper_layer_removed_is_made_again(tmp_path: Path) -> None:
    below, above = layer(directory("oem", mode=0o700), member("oem/secret", b"s")), layer(member(".wh.oem"))
    found = modes(flat_root(tmp_path, layout(tmp_path, (below, above)), tmp_path / "rootfs.tar"))
    assert found["oem"] == (tarfile.DIRTYPE, 0o755)
    assert "oem/secret" not in found


def test_mke2fs_takes_it(tmp_path: Path) -> None:
    root = flat_root(tmp_path, layout(tmp_path, (BELOW, ABOVE)), tmp_path / "rootfs.tar")
    image = tmp_path / "image"
    write_image(image, root.tar, label="COS_ACTIVE", size=4 << 20, inodes=64, epoch=1735689600)
    shown = run([find("debugfs", "e2fsprogs"), "-R", "cat /etc/release", image], timeout=20).stdout
    assert shown == "new"


CAPABILITY = "\x01\0\0\x02 \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
LABEL = "system_u:object_r:etc_t:s0\0"


def with_attributes() -> bytes:
    """A layer whose files have attributes of several kinds, on several kinds of files."""
    return layer(
        directory("d"),
        member("d/f", b"1", SCHILY__xattr__security__capability=CAPABILITY, SCHILY__xattr__user__k="v=\n1"),
        member("d/a name with  spaces", b"", SCHILY__xattr__user__empty="", SCHILY__xattr__user__long="z" * 3000),
        attributed(symlink("d/l", "f"), {"security.selinux": LABEL}),
        member("d/h", kind=tarfile.LNKTYPE, link="d/f"),
    )


def test_every_extended_attribute_is_on_the_installed_disk(tmp_path: Path) -> None:
    """W21: mke2fs takes capabilities alone from a tar; squashfs has had them all."""
    root = flat_root(tmp_path, layout(tmp_path, (with_attributes(),)), tmp_path / "rootfs.tar")
    image = tmp_path / "image"
    sizes = {"size": 4 << 20, "inodes": 64, "epoch": 1735689600}
    write_image(image, root.tar, label="COS_ACTIVE", attributes=root.attributes, **sizes)
    for path, lines in {
        "/d/f": [f"security.capability (20) = {CAPABILITY.encode().hex(' ')}", "user.k (4) = 76 3d 0a 31"],
        "/d/h": [f"security.capability (20) = {CAPABILITY.encode().hex(' ')}", "user.k (4) = 76 3d 0a 31"],
        "/d/a name with  spaces": ["user.empty (0)", "user.long (3000) = " + " ".join(["7a"] * 3000)],
        "/d/l": [f"security.selinux ({len(LABEL)}) = {LABEL.encode().hex(' ')}"],
    }.items():
        names = sorted(line.split()[0] for line in lines)
        shown = "".join(debugfs(image, f'ea_get -x "{path}" {name}') for name in names)
        assert [line.strip() for line in shown.splitlines() if line.strip()] == sorted(lines)
    assert run([find("e2fsck", "e2fsprogs"), "-fn", image], timeout=20).returncode == 0


def test_an_attribute_that_did_not_arrive_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proven after writing: here debugfs is told to set nothing."""
    root = flat_root(tmp_path, layout(tmp_path, (with_attributes(),)), tmp_path / "rootfs.tar")
    real = ext._debugfs
    monkeypatch.setattr(
        ext, "_debugfs", lambda device, commands, epoch: real(device, [c for c in commands if "ea_set" not in c], epoch)
    )
    with pytest.raises(ToolError):
        write_image(
            tmp_path / "image", root.tar, label="X", size=4 << 20, inodes=64, epoch=1, attributes=root.attributes
        )


def debugfs(image: Path, command: str) -> str:
    """What it prints."""
    return run([find("debugfs", "e2fsprogs"), "-R", command, image], timeout=20).stdout
