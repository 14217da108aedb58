"""What VirtRigaud's controller and libvirt provider make of a VirtualMachine, as v0.3.11-5-g4e3560b was seen to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from imagekit.provision.check.finding import Hit, Key, Level, lint
from imagekit.provision.check.objects import Manifest, Tree


def _machines(tree: Tree) -> Iterator[Manifest]:
    """VirtualMachines whose image is one for libvirt."""
    images = {
        (each.namespace, each.short) for each in tree.of("VMImage") if each.get("spec", "source", "libvirt") is not None
    }
    for each in tree.of("VirtualMachine"):
        reference = each.get("spec", "imageRef")
        if (
            isinstance(reference, dict)
            and (reference.get("namespace") or each.namespace, reference.get("name")) in images
        ):
            yield each


def _classes(tree: Tree) -> set[tuple[str, object]]:
    """The classes of machines on libvirt."""
    return {(each.namespace, each.get("spec", "classRef", "name")) for each in _machines(tree)}


def _cards(each: Manifest) -> list[dict[str, Any]]:
    found = each.get("spec", "networks")
    return [card for card in found if isinstance(card, dict)] if isinstance(found, list) else []


@lint(
    "vm-network",
    "The libvirt provider puts a network card without networkRef into a network of QEMU's own, behind the host's "
    "address: whatever name it has, nobody reaches the node at its address.",
    "Name a VMNetworkAttachment as networkRef; in a fleet file it is `network` of the provider.",
    level=Level.WARNING,
)
def network(tree: Tree) -> Iterator[Hit]:
    """Network cards on libvirt that are in no network; the first machine of each provider."""
    first: dict[object, tuple[Manifest, int]] = {}
    for each in _machines(tree):
        lost = [card for card in _cards(each) if not card.get("networkRef")]
        if lost or not _cards(each):
            provider = each.get("spec", "providerRef", "name")
            found, count = first.get(provider, (each, 0))
            first[provider] = found, count + 1
    for each, count in first.values():
        more = f", and so have {count - 1} others" if count > 1 else ""
        yield Hit(each, ("spec", "networks"), f"a network card has no networkRef{more}")


# Where the provider has the pool `default`: it makes one there, and removes one of that name that lies elsewhere.
_POOL_FOLDER = "/var/lib/libvirt/images"
_SERVICE = 63


def _providers(tree: Tree) -> Iterator[Manifest]:
    """VirtRigaud's; Flux has Providers of its own, of notifications."""
    return (each for each in tree.of("Provider") if each.group == "infra.virtrigaud.io")


@lint(
    "vmimage-shared",
    "The libvirt provider copies no image that lies in its pool `default`: each machine runs on the file itself. All "
    "of them write to one disk, and with the first machine that is removed the disk of all is gone.",
    "Name another pool as storagePool, one with a folder of its own; in a fleet file it is `storage` of the provider.",
)
def shared(tree: Tree) -> Iterator[Hit]:
    """Images of libvirt in the pool that machines have their disks in."""
    for each in tree.of("VMImage"):
        source = each.get("spec", "source", "libvirt")
        if not isinstance(source, dict):
            continue
        key: Key = ("spec", "source", "libvirt")
        path = source.get("path")
        if "url" in source and source.get("storagePool", "default") == "default":
            yield Hit(each, (*key, "storagePool"), "machines of this image run on the image's own file")
        elif isinstance(path, str) and path.endswith(".qcow2") and path.rpartition("/")[0] == _POOL_FOLDER:
            yield Hit(each, (*key, "path"), "machines of this image run on this very file")


@lint(
    "provider-tls",
    "Without a word about TLS the controller starts no provider (TLSBlockMissing), and no machine of it is ever made.",
    "Say spec.runtime.service.tls: enabled: true, and the Secret with tls.crt, tls.key and ca.crt as secretRef.",
)
def tls(tree: Tree) -> Iterator[Hit]:
    """Providers that leave TLS open, or name no Secret for it."""
    for each in _providers(tree):
        found = each.get("spec", "runtime", "service", "tls")
        if not isinstance(found, dict):
            yield Hit(each, ("spec", "runtime", "service"), "nothing is said about TLS")
        elif found.get("enabled", True) and not each.get("spec", "runtime", "service", "tls", "secretRef", "name"):
            yield Hit(each, ("spec", "runtime", "service", "tls"), "TLS is on, and no secretRef names its Secret")


@lint(
    "provider-name",
    "The controller makes a Service named virtrigaud-provider-NAMESPACE-NAME for each Provider, and names of Services "
    "end at 63 characters: with a longer one the provider is never started.",
    "Give the Provider a shorter name.",
)
def provider_name(tree: Tree) -> Iterator[Hit]:
    """Providers whose Service could not be made."""
    for each in _providers(tree):
        service = f"virtrigaud-provider-{each.namespace}-{each.short}"
        if len(service) > _SERVICE:
            yield Hit(each, ("metadata", "name"), f"its Service would be named {service}, {len(service)} characters")


@lint(
    "vmclass-not-uefi",
    "The libvirt provider reads no firmware: a machine starts by BIOS unless its class asks for Secure Boot.",
    "Say firmware: BIOS where that is meant, and see that the disk starts by it.",
    level=Level.WARNING,
)
def not_uefi(tree: Tree) -> Iterator[Hit]:
    """Classes that ask for UEFI, and are used on libvirt without Secure Boot."""
    used = _classes(tree)
    for each in tree.of("VMClass"):
        secure = each.get("spec", "securityProfile", "secureBoot") is True
        if each.get("spec", "firmware") == "UEFI" and not secure and (each.namespace, each.short) in used:
            yield Hit(each, ("spec", "firmware"), "machines of this class on libvirt start by BIOS")


@lint(
    "vmclass-secure-boot",
    "For Secure Boot the libvirt provider puts the controllers of one kind of machine on another, and libvirt (seen "
    "with 11.3) does not take the domain: the machine is never made.",
    "Leave Secure Boot out on VirtRigaud's libvirt; `imagekit provision apply --target libvirt` makes such machines.",
    level=Level.WARNING,
)
def secure_boot(tree: Tree) -> Iterator[Hit]:
    """Classes that ask for Secure Boot, and are used on libvirt."""
    used = _classes(tree)
    for each in tree.of("VMClass"):
        if each.get("spec", "securityProfile", "secureBoot") is True and (each.namespace, each.short) in used:
            yield Hit(each, ("spec", "securityProfile", "secureBoot"), "libvirt takes no such machine of VirtRigaud's")


@lint(
    "vm-name-shared",
    "The libvirt provider takes a domain of that name as the machine that it made, whatever namespace the "
    "VirtualMachine is in: two objects are one machine, and whoever removes one removes the other's.",
    "Give each VirtualMachine of a provider a name of its own.",
)
def own_name(tree: Tree) -> Iterator[Hit]:
    """VirtualMachines of one name in several namespaces, at one provider."""
    places: dict[tuple[object, object, str], Manifest] = {}
    for each in _machines(tree):
        provider = each.get("spec", "providerRef")
        named = provider if isinstance(provider, dict) else {}
        key = (named.get("namespace") or each.namespace, named.get("name"), each.short)
        before = places.setdefault(key, each)
        if before.namespace != each.namespace:
            yield Hit(each, ("metadata", "name"), f"{before.namespace} has a VirtualMachine of this name there, too")


@lint(
    "vm-mac",
    "The controller hands no hardware address on to any provider: the machine gets another one.",
    "Do not let anything depend on it, such as a reservation of DHCP.",
    level=Level.WARNING,
)
def mac(tree: Tree) -> Iterator[Hit]:
    """Hardware addresses of network cards."""
    for each in tree.of("VirtualMachine"):
        for number, card in enumerate(_cards(each)):
            if "macAddress" in card:
                yield Hit(each, ("spec", "networks", number, "macAddress"), "no provider gets this address")
