"""The OVF descriptor of a node: one disk, one network card, firmware (pure).

Elements: DMTF DSP0243 (OVF 1.1) and DSP0004's CIM classes; the vmw names: as VMware's own exports write them.
Secure Boot is left off here, for a kernel may be signed by nobody; who has one that is turns it on at deployment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from xml.sax.saxutils import escape, quoteattr

STREAM_OPTIMIZED = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"
_CIM = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2"
_OVF = "http://schemas.dmtf.org/ovf/envelope/1"
_NAMESPACES = (
    ("xmlns", _OVF),
    ("xmlns:ovf", _OVF),
    ("xmlns:rasd", f"{_CIM}/CIM_ResourceAllocationSettingData"),
    ("xmlns:vssd", f"{_CIM}/CIM_VirtualSystemSettingData"),
    ("xmlns:vmw", "http://www.vmware.com/schema/ovf"),
)
HARDWARE = "vmx-15"  # vSphere 6.7 update 2 and newer
NETWORK = "VM Network"
_CARD = "VmxNet3"
_LINUX_64 = "101"  # CIM_OperatingSystem.OSType


class Controller(StrEnum):
    """What the disk hangs on, by VMware's name."""

    PARAVIRTUAL = "VirtualSCSI"
    SATA = "vmware.sata.ahci"


@dataclass(frozen=True, slots=True, kw_only=True)
class Appliance:
    """What the descriptor says; sizes in bytes, `populated` is what of the disk holds data."""

    name: str
    version: str
    disk_file: str
    disk_file_size: int
    capacity: int
    populated: int
    cpus: int = 2
    memory_mib: int = 2048
    firmware: str = "efi"
    controller: Controller = Controller.PARAVIRTUAL


def descriptor(node: Appliance) -> str:
    """The descriptor as XML text."""
    spaces = " ".join(f"{key}={quoteattr(value)}" for key, value in _NAMESPACES)
    file = f'<File ovf:id="file1" ovf:href={quoteattr(node.disk_file)} ovf:size="{node.disk_file_size}"/>'
    disk = (
        f'<Disk ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:capacity="{node.capacity}" '
        f'ovf:capacityAllocationUnits="byte" ovf:populatedSize="{node.populated}" ovf:format="{STREAM_OPTIMIZED}"/>'
    )
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<Envelope {spaces}>",
            f"  <References>{file}</References>",
            f"  <DiskSection><Info>Disks</Info>{disk}</DiskSection>",
            f'  <NetworkSection><Info>Networks</Info><Network ovf:name="{NETWORK}">',
            "    <Description>The network of the node</Description></Network></NetworkSection>",
            f"  <VirtualSystem ovf:id={quoteattr(node.name)}>",
            f"    <Info>{escape(node.name)} {escape(node.version)}</Info>",
            f"    <Name>{escape(node.name)}</Name>",
            f'    <OperatingSystemSection ovf:id="{_LINUX_64}" vmw:osType="otherLinux64Guest">',
            "      <Info>Linux, 64 bit</Info></OperatingSystemSection>",
            "    <ProductSection><Info>Image</Info>",
            f"      <Product>{escape(node.name)}</Product><Version>{escape(node.version)}</Version></ProductSection>",
            '    <VirtualHardwareSection ovf:transport="iso"><Info>Hardware</Info>',
            *(f"      {line}" for line in _hardware(node)),
            "    </VirtualHardwareSection>",
            "  </VirtualSystem>",
            "</Envelope>",
            "",
        ]
    )


def _hardware(node: Appliance) -> Iterator[str]:
    yield (
        "<System><vssd:ElementName>Virtual Hardware Family</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID>"
        f"<vssd:VirtualSystemIdentifier>{escape(node.name)}</vssd:VirtualSystemIdentifier>"
        f"<vssd:VirtualSystemType>{HARDWARE}</vssd:VirtualSystemType></System>"
    )
    yield _item(
        AllocationUnits="hertz * 10^6", ElementName="CPU", InstanceID=1, ResourceType=3, VirtualQuantity=node.cpus
    )
    yield _item(
        AllocationUnits="byte * 2^20",
        ElementName="Memory",
        InstanceID=2,
        ResourceType=4,
        VirtualQuantity=node.memory_mib,
    )
    kind = 6 if node.controller is Controller.PARAVIRTUAL else 20
    yield _item(
        Address=0, ElementName="Controller", InstanceID=3, ResourceSubType=node.controller.value, ResourceType=kind
    )
    yield _item(
        AddressOnParent=0,
        ElementName="Disk",
        HostResource="ovf:/disk/vmdisk1",
        InstanceID=4,
        Parent=3,
        ResourceType=17,
    )
    yield _item(
        AddressOnParent=0,
        AutomaticAllocation="true",
        Connection=NETWORK,
        ElementName="Network card",
        InstanceID=5,
        ResourceSubType=_CARD,
        ResourceType=10,
    )
    yield f'<vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="{node.firmware}"/>'


def _item(**fields: str | int) -> str:
    """One device; OVF wants the elements of an item in the order of their names."""
    inside = "".join(f"<rasd:{key}>{escape(str(value))}</rasd:{key}>" for key, value in sorted(fields.items()))
    return f"<Item>{inside}</Item>"
