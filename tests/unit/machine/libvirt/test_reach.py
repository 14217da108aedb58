"""The user that libvirt runs QEMU as, and what it is let in to (W1)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from imagekit.machine import acl
from imagekit.machine.errors import HypervisorError
from imagekit.machine.folder import owned_folder
from imagekit.machine.libvirt.reach import QemuUser, admit, dac_label, qemu_user, security_models

STRANGER = QemuUser(uid=64055, gid=108)
CAPABILITIES = """<capabilities><host>
<secmodel><model>apparmor</model><doi>0</doi></secmodel>
<secmodel><model>dac</model><doi>0</doi>
<baselabel type='kvm'>{label}</baselabel><baselabel type='qemu'>{label}</baselabel></secmodel>
</host></capabilities>"""


@dataclass(frozen=True)
class Connection:
    """As much of libvirt's as is asked for."""

    capabilities: str

    def getCapabilities(self) -> str:  # noqa: N802 - libvirt's name
        return self.capabilities


def test_the_user_is_the_one_in_the_capabilities() -> None:
    assert dac_label(CAPABILITIES.format(label="+64055:+108")) == STRANGER
    assert security_models(CAPABILITIES) == {"apparmor", "dac"}


@pytest.mark.parametrize("label", ["", "unconfined", "+x:+y", "system_u:object_r:svirt_t:s0"])
def test_a_label_that_names_no_user_is_none(label: str) -> None:
    assert dac_label(CAPABILITIES.format(label=label)) is None


def test_a_sessions_libvirt_names_nobody() -> None:
    """It has no model dac: QEMU is whoever asked for it."""
    assert qemu_user(Connection("<capabilities><host/></capabilities>")) is None


def test_our_own_user_needs_nothing() -> None:
    assert qemu_user(Connection(CAPABILITIES.format(label=f"+{os.geteuid()}:+0"))) is None


@pytest.fixture
def open_base(tmp_path: Path) -> Path:
    """A folder that everybody may search, as /run and /srv are."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o001)
    return tmp_path


def test_a_machines_folder_lets_one_user_search(open_base: Path) -> None:
    with owned_folder("r", open_base) as folder:
        secret, other = folder / "initrd", folder / "id_ed25519"
        for each in (secret, other):
            each.touch(mode=0o600)
        admit(STRANGER, secret, acl.READ)
        assert acl.allows(secret, STRANGER.person, acl.READ)
        assert not acl.allows(secret, STRANGER.person, acl.WRITE)
        assert not acl.allows(other, STRANGER.person, acl.READ)
        assert folder.stat().st_mode & 0o007 == 0
        assert secret.stat().st_mode & 0o007 == 0


def test_a_work_folder_made_under_a_tight_umask_is_opened(open_base: Path) -> None:
    inner = open_base / "project" / ".imagekit" / "disks" / "abc"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent, inner.parent.parent):
        folder.chmod(0o700)
    disk = inner / "rootfs.squashfs"
    disk.touch(mode=0o600)
    admit(STRANGER, disk, acl.READ)
    assert all(acl.allows(each, STRANGER.person, acl.SEARCH) for each in (inner, inner.parent, inner.parent.parent))


def test_a_home_that_is_shut_is_named_and_left_alone(open_base: Path) -> None:
    """Ubuntu's homes are 0750 since 21.04: what is not ours is only looked at."""
    home = open_base / "ada's home"
    disk = home / "project" / ".imagekit" / "disk.raw"
    disk.parent.mkdir(parents=True)
    disk.touch()
    home.chmod(0o750)
    with pytest.raises(HypervisorError) as caught:
        admit(STRANGER, disk, acl.READ)
    assert f"may not search {home};" in str(caught.value)
    assert str(disk) in str(caught.value)
    assert "setfacl -m u:" in caught.value.hint
    assert home.stat().st_mode & 0o777 == 0o750
