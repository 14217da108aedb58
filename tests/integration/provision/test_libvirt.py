"""Machines of a fleet on the real libvirt, switched off: taken, left alone, forgotten; and those of others."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagekit.app.applying import store_of
from imagekit.app.machinehealth import listed
from imagekit.machine.libvirt.persistent import local_libvirt
from imagekit.machine.persistent import ForeignMachineError
from tests.support.fleetlab import Lab, open_lab

pytestmark = pytest.mark.vm


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    with open_lab(tmp_path, monkeypatch) as made:
        made.real = local_libvirt
        made.edit('addresses: ["10.0.0.[1-2]"]', 'power: "Off", addresses: ["10.0.0.[1-2]"]')
        try:
            yield made
        finally:
            made.destroy()


@pytest.mark.parametrize("kind", ["firmware: BIOS", "firmware: UEFI", "secure_boot: true, tpm: true"])
def test_libvirt_takes_them_once_and_forgets_them(lab: Lab, kind: str) -> None:
    lab.edit("memory_mib: 2048", f"memory_mib: 512, {kind}")
    assert lab.apply().changes == 2
    with local_libvirt() as hypervisor:
        found = [hypervisor.find(name) for name in lab.names]
    kept = store_of(lab.fleet.project).machines()
    assert [(each.uuid, each.token, each.running) for each in found if each is not None] == [
        (kept[name].uuid, kept[name].token, False) for name in lab.names
    ]
    assert lab.apply(prune=True).changes == 0
    assert [row["state"] for row in listed(lab.fleet.project)] == ["off", "off"]
    assert lab.destroy().changes == 2
    with local_libvirt() as hypervisor:
        assert [hypervisor.find(name) for name in lab.names] == [None, None]


@pytest.mark.attack
def test_another_project_s_machine_of_the_same_name_stays(lab: Lab) -> None:
    lab.apply()
    store = store_of(lab.fleet.project)
    moved = store.root.rename(store.root.with_name("elsewhere"))
    try:
        with pytest.raises(ForeignMachineError, match="did not make"):
            lab.apply(recreate=True, prune=True)
        with local_libvirt() as hypervisor:
            assert all(hypervisor.find(name) is not None for name in lab.names)
    finally:
        shutil.rmtree(store.root)
        moved.rename(store.root)


def test_one_that_libvirt_forgot_comes_back_with_its_disk(lab: Lab) -> None:
    lab.apply()
    disk = store_of(lab.fleet.project).folder(lab.names[0]) / "disk.qcow2"
    before = disk.stat().st_ino
    with local_libvirt() as hypervisor:
        hypervisor.remove(lab.names[0])
    assert lab.apply().changes == 1
    assert disk.stat().st_ino == before
