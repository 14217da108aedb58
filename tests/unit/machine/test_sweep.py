"""What a sweep takes for a leftover: only what is marked as ours, and only when its owner is dead."""

from __future__ import annotations

import json
import os
from pathlib import Path

from imagekit.base import process
from imagekit.machine.folder import dead_folders, owned_folder
from imagekit.machine.libvirt.domains import read_machine
from imagekit.machine.sweep import sweep_folders

LIVING = (os.getpid(), process.start_time(os.getpid()))
DEAD = (LIVING[0], LIVING[1] - 1000)  # the same number, but another process


def domain(name: str, pid: object, started: object, namespace: str = "urn:imagekit:run") -> str:
    """A domain's XML as libvirt gives it back."""
    return (
        f"<domain><name>{name}</name><metadata><ik:run xmlns:ik='{namespace}' pid='{pid}' started='{started}' run='r' "
        "folder='/run/x'/></metadata><devices><serial><source path='/c/console.log'/></serial></devices></domain>"
    )


def test_the_owner_is_a_process_with_its_start() -> None:
    living = read_machine(domain("imagekit-a", *LIVING))
    dead = read_machine(domain("imagekit-a", *DEAD))
    assert living is not None
    assert dead is not None
    assert (living.owner_alive, dead.owner_alive) == (True, False)
    assert living.console == Path("/c/console.log")


def test_other_domains_are_not_ours() -> None:
    assert read_machine(domain("web", *DEAD)) is None
    assert read_machine(domain("imagekit-a", *DEAD, namespace="urn:other")) is None
    assert read_machine(domain("imagekit-a", "x", "y")) is None
    assert read_machine("<domain><name>imagekit-a</name></domain>") is None


def test_a_machine_of_another_container_is_nobodys_leftover(tmp_path: Path) -> None:
    """Two containers with the host's libvirt: neither sees the other's processes, and neither may end its machines."""
    boot = process.place().split()[0]
    for place, alive in ((process.place(), False), (f"{boot} pid:[1]", True), ("another-boot pid:[1]", False)):
        text = domain("imagekit-a", *DEAD).replace("run='r'", f"run='r' place='{place}'")
        found = read_machine(text)
        assert found is not None
        assert found.owner_alive is alive
        left = folder(tmp_path, "imagekit-vm-x", {"pid": DEAD[0], "started": DEAD[1], "run": "r", "place": place})
        assert (dead_folders(tmp_path) == []) is alive
        (left / "owner.json").unlink()
        left.rmdir()


def folder(base: Path, name: str, owner: object) -> Path:
    """A folder of ours with this owner record."""
    made = base / name
    made.mkdir()
    (made / "owner.json").write_text(json.dumps(owner))
    return made


def test_only_folders_of_dead_owners_are_removed(tmp_path: Path) -> None:
    dead = folder(tmp_path, "imagekit-vm-dead", {"pid": DEAD[0], "started": DEAD[1], "run": "r"})
    kept = [
        folder(tmp_path, "imagekit-vm-alive", {"pid": LIVING[0], "started": LIVING[1], "run": "r"}),
        folder(tmp_path, "other-dead", {"pid": DEAD[0], "started": DEAD[1]}),
        folder(tmp_path, "imagekit-vm-odd", ["no owner"]),
    ]
    link = tmp_path / "imagekit-vm-link"
    link.symlink_to(dead)
    assert sweep_folders(tmp_path) == (dead,)
    assert not dead.exists()
    assert all(path.exists() for path in kept)
    assert link.is_symlink()


def test_a_folder_goes_with_its_block(tmp_path: Path) -> None:
    with owned_folder("r", tmp_path) as made:
        assert made.stat().st_mode & 0o777 == 0o700
        assert dead_folders(tmp_path) == []
    assert not made.exists()
