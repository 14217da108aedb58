"""The marked block in qemu.conf."""

from __future__ import annotations

from pathlib import Path

from imagekit.services.libvirtd import configure


def test_settings_stand_in_one_marked_block(tmp_path: Path) -> None:
    path = tmp_path / "qemu.conf"
    path.write_text('# the owner\'s own\n#user = "libvirt-qemu"\n')
    configure(path)
    once = path.read_text()
    configure(path)
    assert path.read_text() == once
    assert once.startswith("# the owner's own\n")
    assert once.count("# imagekit begin") == once.count("# imagekit end") == 1
    assert 'security_driver = "none"' in once


def test_what_the_owner_set_is_not_set_again(tmp_path: Path) -> None:
    path = tmp_path / "qemu.conf"
    path.write_text('user = "alice"\n')
    configure(path)
    assert 'user = "root"' not in path.read_text().splitlines()
    assert 'group = "root"' in path.read_text()


def test_an_older_block_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "qemu.conf"
    configure(path)
    path.write_text(path.read_text().replace("remember_owner = 0", "remember_owner = 1") + "max_files = 10\n")
    configure(path)
    assert "remember_owner = 0" in path.read_text()
    assert "remember_owner = 1" not in path.read_text()
    assert "max_files = 10" in path.read_text()
