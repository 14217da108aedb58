"""The machines that VirtualMachine objects ask for: what VirtRigaud would read of them, and nothing else.

The objects come out of files or of an API server. Pure: no network, no clock.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from imagekit.base.errors import ConfigError
from imagekit.config.model import Firmware
from imagekit.fleet.model import ProviderType
from imagekit.oci.reference import Reference
from imagekit.provision.inputs import ProvisionError
from imagekit.provision.machines.network import Ipv4, address_in
from imagekit.provision.names import GROUP, OCI_IMAGE

API = "infra.virtrigaud.io/v1beta1"
KINDS = ("VirtualMachine", "VMImage", "VMClass")
_SECRETS = "Secret"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_HEX = re.compile(r"[0-9a-f]{64}")
_SIZE = re.compile(r"([1-9][0-9]{0,6})(Mi|Gi)")
_HINT = "`imagekit provision render` makes whole sets of objects, `imagekit provision check` tells what is wrong."
Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A machine as its objects have it; sizes are in MiB, `checksum` is the bare hex SHA-256 of its qcow2 disk.

    `userdata` is the cloud-config that it gets at its first boot, `address` the IPv4 address that this config gives it.
    """

    name: str
    node: str
    cluster: str
    image: str
    reference: Reference
    checksum: str
    memory_mib: int
    cpus: int
    disk_mib: int
    firmware: Firmware
    tpm: bool
    network: str
    mac: str
    on: bool
    userdata: str = field(repr=False)
    address: Ipv4 | None = None

    @property
    def made_of(self) -> str:
        """A hash of all that a machine is made of; whether it is on can change afterwards."""
        said = [
            *(self.node, self.cluster, str(self.reference), self.checksum, self.memory_mib, self.cpus, self.disk_mib),
            *(self.firmware.value, self.tpm, self.network, self.mac, self.userdata),
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


class MissingReferenceError(ConfigError):
    """An object that a machine refers to is not there: for good in files, for a moment in a cluster."""


def wanted_machines(
    objects: Iterable[Object], incomplete: dict[str, str] | None = None
) -> tuple[list[Wanted], list[str]]:
    """The machines whose image is for libvirt, by name, and the names of those of other hypervisors.

    Raises `MissingReferenceError` where an object that one refers to is not there (with `incomplete`, the machine and
    what it lacks goes there instead), `ConfigError` where one says what cannot be, `ProvisionError` where machine and
    image name different digests.
    """
    known: dict[tuple[str, str, str], Object] = {}
    for each in objects:
        if _is_ours(each):
            known[str(each["kind"]), _text(each, "metadata", "namespace"), _text(each, "metadata", "name")] = each
    found, others = [], []
    for (kind, _, name), each in sorted(known.items()):
        if kind != "VirtualMachine":
            continue
        try:
            image = _referred(known, each, "VMImage", "imageRef")
            if ProviderType.LIBVIRT.value in (_at(image, "spec", "source") or {}):
                found.append(_wanted(known, each, image))
            else:
                others.append(name)
        except MissingReferenceError as error:
            if incomplete is None:
                raise
            incomplete[name] = str(error)
    _require_apart(found)
    return found, others


def _is_ours(each: Object) -> bool:
    kind, api = each.get("kind"), each.get("apiVersion")
    return (kind in KINDS and api == API) or (kind == _SECRETS and api == "v1")


def _wanted(known: Mapping[tuple[str, str, str], Object], vm: Object, image: Object) -> Wanted:
    name = _text(vm, "metadata", "name")
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name[:80]!r} is no name of a machine", hint=_HINT)
    size = _referred(known, vm, "VMClass", "classRef")
    secret = _referred(known, vm, _SECRETS, "userData", "cloudInit", "secretRef")
    userdata = _userdata(secret, name)
    labels = _at(vm, "metadata", "labels") or {}
    firmware, tpm = _firmware(size)
    source = _at(image, "spec", "source", ProviderType.LIBVIRT.value)
    networks = _at(vm, "spec", "networks") or [{}]
    mac = str(networks[0].get("macAddress") or _mac(name))
    return Wanted(
        name=name,
        node=str(labels.get(f"{GROUP}/node") or name),
        cluster=str(labels.get(f"{GROUP}/cluster") or ""),
        image=_text(image, "metadata", "name"),
        reference=_reference(vm, image),
        checksum=_checksum(source, image),
        memory_mib=_mib(_at(size, "spec", "memory"), size),
        cpus=int(_at(size, "spec", "cpu") or 0) or 1,
        disk_mib=_mib(_at(size, "spec", "diskDefaults", "size") or "40Gi", size),
        firmware=firmware,
        tpm=tpm,
        network=str(networks[0].get("name") or ""),
        mac=mac.lower(),
        on=_at(vm, "spec", "powerState") != "Off",
        userdata=userdata,
        address=address_in(userdata),
    )


def _reference(vm: Object, image: Object) -> Reference:
    """The OCI image that both name; anything else is somebody's mistake, and never guessed."""
    name, said = (
        _text(vm, "metadata", "name"),
        [_at(each, "metadata", "annotations", OCI_IMAGE) for each in (vm, image)],
    )
    if said[0] is None or said[0] != said[1]:
        raise ProvisionError(
            f"machine {name} says that it is made from {said[0] or 'nothing'}, its image {said[1] or 'nothing'}",
            hint=f"Both carry the annotation {OCI_IMAGE}; `imagekit provision render` writes it.",
        )
    found = Reference.parse(str(said[0]))
    if found.digest is None:
        raise ProvisionError(f"machine {name} names {found}, which is no digest", hint="A tag may move.")
    return found


def _checksum(source: Any, image: Object) -> str:
    found = str((source or {}).get("checksum") or "")
    if not _HEX.fullmatch(found):
        raise ConfigError(
            f"VMImage {_text(image, 'metadata', 'name')} has no SHA-256 of its disk in bare hex", hint=_HINT
        )
    return found


def _firmware(size: Object) -> tuple[Firmware, bool]:
    security = _at(size, "spec", "securityProfile") or {}
    secure, tpm = security.get("secureBoot") is True, security.get("tpmEnabled") is True
    if str(_at(size, "spec", "firmware") or "BIOS").upper() != "UEFI":
        return Firmware.BIOS, tpm
    return (Firmware.UEFI_SECURE if secure else Firmware.UEFI), tpm


def _userdata(secret: Object, machine: str) -> str:
    """As written, or as an API server gives it back, in base64."""
    import base64
    import binascii

    text = _at(secret, "stringData", "userdata")
    if isinstance(text, str):
        return text
    try:
        return base64.b64decode(str(_at(secret, "data", "userdata") or ""), validate=True).decode() or _none(machine)
    except (binascii.Error, UnicodeDecodeError):
        raise ConfigError(f"the cloud-config of {machine} is no base64 of text", hint=_HINT) from None


def _none(machine: str) -> str:
    raise ConfigError(f"machine {machine} has no cloud-config", hint=_HINT)


def _mib(value: Any, owner: Object) -> int:
    match = _SIZE.fullmatch(str(value))
    if match is None:
        raise ConfigError(
            f"VMClass {_text(owner, 'metadata', 'name')}: {str(value)[:40]!r} is no size such as 2048Mi", hint=_HINT
        )
    return int(match[1]) * (1024 if match[2] == "Gi" else 1)


def _mac(name: str) -> str:
    """An address of QEMU's range that stays the same for a machine."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"52:54:00:{digest[:2]}:{digest[2:4]}:{digest[4:6]}"


def _require_apart(machines: list[Wanted]) -> None:
    seen: dict[str, Wanted] = {}
    for each in machines:
        if seen.setdefault(each.name, each) is not each:
            raise ConfigError(f"two namespaces have a machine {each.name}", hint="Name one with --namespace.")
    macs = [each.mac for each in machines]
    twice = sorted({mac for mac in macs if macs.count(mac) > 1})
    if twice:
        names = ", ".join(each.name for each in machines if each.mac == twice[0])
        raise ConfigError(f"{names} have the same MAC address {twice[0]}", hint="`mac` of the fleet file.")


def _referred(known: Mapping[tuple[str, str, str], Object], owner: Object, kind: str, *key: str) -> Object:
    name = _at(owner, "spec", *key, "name")
    space = _text(owner, "metadata", "namespace")
    found = known.get((kind, space, str(name)))
    if found is None:
        machine, what = _text(owner, "metadata", "name"), f"{kind} {name or '(none is named)'}"
        raise MissingReferenceError(f"machine {machine}: no {what} in {space or 'default'}", hint=_HINT)
    return found


def _at(value: Any, *key: str) -> Any:
    for part in key:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _text(value: Any, *key: str) -> str:
    found = _at(value, *key)
    return found if isinstance(found, str) else ""
