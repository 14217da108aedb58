"""An OVA: the order, names and sums that DMTF DSP0243 asks for, and the devices that a node has drivers for."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
import zstandard

from imagekit.artifact import cpio
from imagekit.artifact.installed import InstalledDisk
from imagekit.artifact.ova import controller_for, write_ova
from imagekit.artifact.ovf import Appliance, Controller, descriptor
from imagekit.oci.reference import Digest

OVF = "{http://schemas.dmtf.org/ovf/envelope/1}"
RASD = "{http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData}"
VMW = "{http://www.vmware.com/schema/ovf}"
EPOCH = 1735689600
SIZE = 24 << 20


@pytest.fixture
def disk(tmp_path: Path) -> InstalledDisk:
    """A small disk, as if installed."""
    path = tmp_path / "disk.raw"
    with path.open("wb") as stream:
        stream.truncate(SIZE)
        stream.write(b"boot" * 2000)
    return InstalledDisk(path=path, manifest=Digest.of(b"image"), size=SIZE, reused=False)


def written(disk: InstalledDisk, target: Path) -> Path:
    """An OVA of the disk."""
    target.parent.mkdir(exist_ok=True)
    write_ova(disk, target, name="debian-node", version="v1.2.3", epoch=EPOCH, controller=Controller.PARAVIRTUAL)
    return target


def test_descriptor_first_then_manifest_then_the_disk(disk: InstalledDisk, tmp_path: Path) -> None:
    with tarfile.open(written(disk, tmp_path / "out" / "node.ova")) as archive:
        members = archive.getmembers()
    assert [one.name for one in members] == ["debian-node.ovf", "debian-node.mf", "debian-node-disk1.vmdk"]
    assert {(one.mtime, one.uid, one.gid, one.uname, one.mode) for one in members} == {(EPOCH, 0, 0, "", 0o644)}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["node.ova"]


def test_the_manifest_has_the_sums_of_the_other_two(disk: InstalledDisk, tmp_path: Path) -> None:
    with tarfile.open(written(disk, tmp_path / "node.ova")) as archive:
        files = {name: stream.read() for name in archive.getnames() if (stream := archive.extractfile(name))}
    lines = files["debian-node.mf"].decode().splitlines()
    expected = ("debian-node.ovf", "debian-node-disk1.vmdk")
    assert lines == [f"SHA256({name})= {hashlib.sha256(files[name]).hexdigest()}" for name in expected]


def test_the_same_bytes_in_another_folder(disk: InstalledDisk, tmp_path: Path) -> None:
    one, other = written(disk, tmp_path / "a" / "one.ova"), written(disk, tmp_path / "b" / "other.ova")
    assert one.read_bytes() == other.read_bytes()


def test_the_descriptor_names_file_disk_network_and_devices(disk: InstalledDisk, tmp_path: Path) -> None:
    with tarfile.open(written(disk, tmp_path / "node.ova")) as archive:
        stream = archive.extractfile("debian-node.ovf")
        assert stream is not None
        root = ElementTree.fromstring(stream.read())
        packed = archive.getmember("debian-node-disk1.vmdk").size
    file, found = root.find(f".//{OVF}File"), root.find(f".//{OVF}Disk")
    assert file is not None
    assert found is not None
    assert (file.get(f"{OVF}href"), file.get(f"{OVF}size")) == ("debian-node-disk1.vmdk", str(packed))
    assert found.get(f"{OVF}fileRef") == file.get(f"{OVF}id")
    assert (found.get(f"{OVF}capacity"), found.get(f"{OVF}populatedSize")) == (str(SIZE), "65536")
    items = {item.findtext(f"{RASD}ResourceType"): item for item in root.iter(f"{OVF}Item")}
    assert set(items) == {"3", "4", "6", "17", "10"}
    assert items["6"].findtext(f"{RASD}ResourceSubType") == "VirtualSCSI"
    assert items["10"].findtext(f"{RASD}ResourceSubType") == "VmxNet3"
    assert items["17"].findtext(f"{RASD}Parent") == items["6"].findtext(f"{RASD}InstanceID")
    assert items["17"].findtext(f"{RASD}HostResource") == f"ovf:/disk/{found.get(f'{OVF}diskId')}"
    network = root.find(f".//{OVF}Network")
    assert network is not None
    assert items["10"].findtext(f"{RASD}Connection") == network.get(f"{OVF}name")
    firmware = root.find(f".//{VMW}Config")
    assert firmware is not None
    assert (firmware.get(f"{VMW}key"), firmware.get(f"{VMW}value")) == ("firmware", "efi")


def test_the_elements_of_each_device_stand_in_the_order_of_their_names() -> None:
    text = descriptor(
        Appliance(name="a<b>&", version="1", disk_file="d", disk_file_size=1, capacity=2, populated=0, firmware="bios")
    )
    root = ElementTree.fromstring(text)
    for item in root.iter(f"{OVF}Item"):
        names = [element.tag for element in item]
        assert names == sorted(names)
    assert root.findtext(f".//{OVF}Name") == "a<b>&"


def packed(*names: str) -> bytes:
    """An initrd with these modules."""
    listed = cpio.file("usr/lib/modules/6/modules.dep", b"kernel/scsi/vmw_pvscsi.ko:\nkernel/ata/ahci.ko:\n")
    archive = cpio.archive([listed, *(cpio.file(f"usr/lib/modules/6/{name}.ko", b"") for name in names)])
    return zstandard.ZstdCompressor().compress(archive)


def test_the_controller_is_one_that_the_initrd_has_a_driver_for() -> None:
    assert controller_for(packed("ahci", "vmw_pvscsi")) is Controller.PARAVIRTUAL
    assert controller_for(packed("ahci")) is Controller.SATA
    microcode = cpio.archive([cpio.file("kernel/x86/microcode/GenuineIntel.bin", b"code")])
    assert controller_for(microcode + packed("vmw_pvscsi")) is Controller.PARAVIRTUAL
    assert controller_for(b"packed in no known way") is Controller.SATA
    text = descriptor(
        Appliance(
            name="n", version="1", disk_file="d", disk_file_size=1, capacity=2, populated=0, controller=Controller.SATA
        )
    )
    assert "<rasd:ResourceSubType>vmware.sata.ahci</rasd:ResourceSubType><rasd:ResourceType>20<" in text
