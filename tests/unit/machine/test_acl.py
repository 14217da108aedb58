"""Access lists, read as the kernel reads them; tests/integration/vm/test_qemu_user.py asks the kernel itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagekit.machine import acl
from imagekit.machine.acl import READ, SEARCH, WRITE, AclEntry, Person, Tag

STRANGER = Person(uid=64055, groups=frozenset({64055, 108}))


def test_without_a_list_the_mode_decides(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("x")
    for mode, may in ((0o600, 0), (0o604, READ), (0o666, READ | WRITE), (0o660, 0)):
        file.chmod(mode)
        assert acl.allows(file, STRANGER, READ) == bool(may & READ)
        assert acl.allows(file, STRANGER, WRITE) == bool(may & WRITE)
    assert acl.allows(file, Person(uid=0, groups=frozenset()), READ | WRITE)


def test_one_user_is_let_in_and_nobody_else(tmp_path: Path) -> None:
    """The mode of the others stays, and what stood in the list before too."""
    folder = tmp_path / "d"
    folder.mkdir(mode=0o700)
    acl.let_in(folder, Person(uid=1234, groups=frozenset({1234})), READ | SEARCH, group=1234)
    acl.let_in(folder, STRANGER, SEARCH, group=108)
    assert acl.allows(folder, STRANGER, SEARCH)
    assert not acl.allows(folder, STRANGER, READ)
    assert acl.allows(folder, Person(uid=1234, groups=frozenset()), READ | SEARCH)
    assert not acl.allows(folder, Person(uid=4321, groups=frozenset({4321})), SEARCH)
    assert folder.stat().st_mode & 0o707 == 0o700
    assert AclEntry(Tag.OWNING_GROUP, 0) in acl.access_list(folder)


def test_letting_in_twice_is_the_same(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("x")
    file.chmod(0o600)
    acl.let_in(file, STRANGER, READ, group=108)
    once = acl.access_list(file)
    acl.let_in(file, STRANGER, READ, group=108)
    assert acl.access_list(file) == once


@pytest.mark.parametrize(
    ("entries", "may"),
    [
        pytest.param([AclEntry(Tag.USER, 7, 64055), AclEntry(Tag.MASK, 4)], READ, id="the mask cuts a named user"),
        pytest.param(
            [AclEntry(Tag.USER, 0, 64055), AclEntry(Tag.MASK, 7)], 0, id="a named user gets nothing from others"
        ),
        pytest.param([AclEntry(Tag.GROUP, 5, 108), AclEntry(Tag.MASK, 7)], READ | SEARCH, id="a named group counts"),
        pytest.param([AclEntry(Tag.GROUP, 0, 108), AclEntry(Tag.MASK, 7)], 0, id="a group without rights shuts out"),
        pytest.param([AclEntry(Tag.USER, 7, 1), AclEntry(Tag.MASK, 7)], 7, id="another's entry is not ours"),
    ],
)
def test_the_rules_of_acl_5(entries: list[AclEntry], may: int) -> None:
    others = (AclEntry(Tag.OWNER, 7), AclEntry(Tag.OWNING_GROUP, 7), AclEntry(Tag.OTHER, 7))
    assert acl._granted((*others, *entries), 0, 999999, STRANGER) == may


def test_without_lists_a_group_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on NFS and other file systems without access lists."""

    def none(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", none)
    file = tmp_path / "f"
    file.write_text("x")
    file.chmod(0o600)
    acl.let_in(file, STRANGER, READ, group=os.getegid())
    assert file.stat().st_mode & 0o777 == 0o640
