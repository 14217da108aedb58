"""Objects of VirtRigaud (infra.virtrigaud.io/v1beta1, v0.3.11): what no provider reads is not written.

Facts, from its source and CRDs: no provider reads `source.registry` or `dataVolume`; checksums are compared as bare
hex; a template of a VMImage's name is taken as it is; a change of `imageRef` does nothing to a machine that exists;
`securityProfile.tpmVersion` can hold no value.
"""

from __future__ import annotations

from collections.abc import Iterable

from imagekit.fleet.model import ProviderType, VmClass
from imagekit.provision.inputs import Inputs, ProvisionError
from imagekit.provision.instances import Instance
from imagekit.provision.names import NO_SUBSTITUTION
from imagekit.provision.nodeconfig import NodeConfigs
from imagekit.provision.objects import labels, made
from imagekit.provision.yamlout import Object

API = "infra.virtrigaud.io/v1beta1"
# The distributions that its enum knows; all others are `other`.
_DISTRIBUTIONS = frozenset({"ubuntu", "centos", "rhel", "fedora", "debian", "suse", "coreos"})
# A machine's disk is in the pool `default`. Of an image in that pool it would be no copy, but the image's own file.
_POOL = "images"
_FORMATS = {ProviderType.LIBVIRT: "qcow2", ProviderType.VSPHERE: "ova", ProviderType.PROXMOX: "qcow2"}


def vm_classes(inputs: Inputs) -> list[Object]:
    """Every VMClass that a node uses."""
    used = {node.vm_class for node in inputs.fleet.nodes.values() if node.vm_class}
    space = inputs.platform.namespace
    return [
        made(API, "VMClass", name, _class_spec(inputs.fleet.classes[name]), namespace=space) for name in sorted(used)
    ]


def _class_spec(spec: VmClass) -> Object:
    found: Object = {
        "cpu": spec.cpus,
        "memory": f"{spec.memory_mib}Mi",
        "firmware": spec.firmware,
        "diskDefaults": {"type": "thin", "size": f"{spec.disk_gib}Gi"},
    }
    if spec.secure_boot or spec.tpm:
        found["securityProfile"] = {"secureBoot": spec.secure_boot, "tpmEnabled": spec.tpm}
    return found


def vm_images(inputs: Inputs, machines: Iterable[Instance]) -> list[Object]:
    """One VMImage for each digest and type of provider that has a machine of it."""
    used: dict[str, Instance] = {}
    for each in machines:
        _require_one_store(used.setdefault(each.image, each), each)
    return [_vm_image(inputs, name, one) for name, one in sorted(used.items())]


def _require_one_store(first: Instance, each: Instance) -> None:
    """A VMImage has one source, so two providers of a type share their store."""
    if (first.provider.artifacts, first.provider.storage) != (each.provider.artifacts, each.provider.storage):
        raise ProvisionError(
            f"providers {first.provider_name} and {each.provider_name} are both {each.provider.type} and have "
            f"different stores, and {each.image} can name one",
            hint="Give both the same `artifacts` and `storage`.",
        )


def _vm_image(inputs: Inputs, name: str, one: Instance) -> Object:
    release = one.release
    known = release.distribution if release.distribution in _DISTRIBUTIONS else "other"
    distribution = {"name": known, "family": "linux"}
    if release.distribution_version:
        distribution["version"] = release.distribution_version
    spec = {
        "source": {one.provider.type.value: _source(name, one)},
        "prepare": {"onMissing": "Import"},
        "metadata": {"version": release.version, "architecture": release.arch},
        "distribution": distribution,
    }
    return made(
        API,
        "VMImage",
        name,
        spec,
        namespace=inputs.platform.namespace,
        label=labels(image=release.image, version=release.version[:63].rstrip("-_."), digest=one.digest.short),
        image=one.reference,
    )


def _source(name: str, machine: Instance) -> Object:
    provider, release = machine.provider, machine.release
    if provider.type is ProviderType.PROXMOX:
        # Its importer reads `http.url` and ignores every checksum: the template is put there by whoever verified it.
        source: Object = {"templateName": name}
        if provider.storage is not None:
            source["storage"] = provider.storage
        return source
    form = _FORMATS[provider.type]
    checksum = release.disks.get(form)
    if checksum is None:
        raise ProvisionError(
            f"{machine.node.where}: {provider.type} reads {form}, and fleet/fleet.lock has no such disk of "
            f"{release.image} {release.version}",
            hint=f"`imagekit disk {machine.reference} --format {form} --push`, then `imagekit provision lock`.",
        )
    url = f"{provider.artifacts}/{release.image}/{checksum}.{form}"
    known: Object = {"checksum": checksum, "checksumType": "sha256"}
    if provider.type is ProviderType.VSPHERE:
        return {"ovaURL": url, **known}
    return {"url": url, "format": form, **known, "storagePool": _pool(machine)}


def _pool(machine: Instance) -> str:
    found = machine.provider.storage or _POOL
    if found == "default":
        raise ProvisionError(
            f"{machine.node.where}: provider {machine.provider_name} keeps images in the pool `default`, where "
            "VirtRigaud makes no copy for a machine: all machines would run on one file",
            hint=f"Let `storage` name another pool, one with a folder of its own; left out, it is `{_POOL}`.",
        )
    return found


def machine_objects(inputs: Inputs, configs: NodeConfigs, machine: Instance) -> tuple[Object, ...]:
    """A VirtualMachine and the Secret with its cloud-config."""
    space = inputs.platform.namespace
    label = labels(node=machine.node.name, cluster=machine.cluster, role=machine.node.role.value)
    secret = f"{machine.name[:50].rstrip('-')}-config" if len(machine.name) > 56 else f"{machine.name}-config"
    config = made("v1", "Secret", secret, None, namespace=space, label=label, annotations=NO_SUBSTITUTION)
    config |= {"type": "Opaque", "stringData": {"userdata": configs.text(machine)}}
    network: Object = {"name": machine.provider.network or "default"}
    if machine.provider.network is not None:
        network["networkRef"] = {"name": machine.provider.network}  # the name alone is read by no provider
    if machine.node.mac is not None and not machine.retiring:
        network["macAddress"] = machine.node.mac
    spec = {
        "providerRef": {"name": machine.provider_name},
        "classRef": {"name": machine.vm_class},
        "imageRef": {"name": machine.image},
        "powerState": machine.node.power.value,
        "networks": [network],
        "userData": {"cloudInit": {"secretRef": {"name": secret}}},
    }
    found = made(
        API, "VirtualMachine", machine.name, spec, namespace=space, label=label, image=machine.reference,
    )  # fmt: skip
    return config, found
