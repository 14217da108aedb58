"""The marked block in qemu.conf."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagekit.app.needs import libvirt_uri
from imagekit.app.servicecontrol import status
from imagekit.config.load import load_project
from imagekit.machine.libvirt import daemon as libvirtd
from imagekit.machine.libvirt.daemon import configure
from imagekit.services.model import ServiceError
from tests.support.project import make_project


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


@pytest.mark.parametrize(("user", "found"), [(0, "qemu:///system"), (1000, "qemu:///session")])
def test_the_default_connection_is_that_of_the_user(monkeypatch: pytest.MonkeyPatch, user: int, found: str) -> None:
    monkeypatch.delenv("LIBVIRT_DEFAULT_URI", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert libvirtd.default_uri() == found


def test_the_environment_names_the_connection_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was honoured where machines start, and not where the doctor, the services and the stages ask."""
    uri = f"qemu+unix:///system?socket={tmp_path}/none"
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", uri)
    root = make_project(tmp_path / "project")
    project = load_project(root)
    assert libvirt_uri(project) == uri
    shown = {one.name: one for one in status(project.work, project.registry)}
    assert (shown["libvirt"].address, shown["libvirt"].running, shown["libvirt"].ours) == (uri, False, False)
    with pytest.raises(ServiceError, match="no libvirt answers at"), libvirtd.libvirt():
        pytest.fail("it answered")
    (root / "imagekit.yaml").write_text("version: 1\nlibvirt_uri: qemu:///session\n")
    assert libvirt_uri(load_project(root)) == "qemu:///session"


SWTPM_SETUP = """#!/bin/sh
[ "$*" = "--create-config-files overwrite,root" ] || exit 1
echo "$XDG_CONFIG_HOME" >>"$XDG_CONFIG_HOME/swtpm_setup.conf"
"""


def test_tpms_of_this_daemon_have_an_authority_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's is made for its user tss; a file of root's in it ends every TPM of the host's own libvirt."""
    program = tmp_path / "bin/swtpm_setup"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    program.write_text(SWTPM_SETUP)
    program.chmod(0o755)
    folder = tmp_path / "state/swtpm"
    libvirtd.own_authority(folder)
    libvirtd.own_authority(folder)
    assert (folder / "swtpm_setup.conf").read_text() == f"{folder}\n"
    assert folder.stat().st_mode & 0o077 == 0
    assert libvirtd.daemon().environment == {"XDG_CONFIG_HOME": "/run/imagekit-libvirt/swtpm"}


def test_a_setup_program_that_makes_no_configuration_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "swtpm_setup"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    libvirtd.own_authority(tmp_path / "state")
    assert not (tmp_path / "state/swtpm_setup.conf").exists()
