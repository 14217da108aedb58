"""VirtRigaud's VMImage, VMClass and VirtualMachine: what its providers read, and what they ignore."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from imagekit.provision.check.finding import Hit, Key, Level, lint
from imagekit.provision.check.objects import Manifest, Tree

_HEX = re.compile(r"[0-9a-f]{64}")
_SOURCES = ("libvirt", "vsphere", "proxmox", "http", "registry", "dataVolume")
# Fields that name where the image is; one source has exactly one of them.
_PLACES = {
    "libvirt": ("path", "url"),
    "vsphere": ("templateName", "contentLibrary", "ovaURL"),
    "proxmox": ("templateID", "templateName"),
    "http": ("url",),
}
_URLS: tuple[Key, ...] = (("libvirt", "url"), ("vsphere", "ovaURL"), ("http", "url"))


def _sources(tree: Tree) -> Iterator[tuple[Manifest, dict[str, Any]]]:
    for each in tree.of("VMImage"):
        found = each.get("spec", "source")
        if isinstance(found, dict):
            yield each, found


@lint(
    "source-count",
    "Nothing enforces one source in a VMImage; with none nothing is imported, with two each provider takes its own.",
    "Name exactly one source, and in it one place.",
)
def one_source(tree: Tree) -> Iterator[Hit]:
    """VMImages with no source, two sources, or two places in one."""
    for each, source in _sources(tree):
        named = [name for name in _SOURCES if name in source]
        if len(named) != 1:
            yield Hit(each, ("spec", "source"), f"{len(named)} sources ({', '.join(named) or 'none'}); one is wanted")
        for name in named:
            inner = source[name] if isinstance(source[name], dict) else {}
            places = [place for place in _PLACES.get(name, ()) if place in inner]
            if name in _PLACES and len(places) != 1:
                reported = ", ".join(places) or "none"
                yield Hit(
                    each, ("spec", "source", name), f"{len(places)} places of the image ({reported}); one is wanted"
                )


@lint(
    "source-registry",
    "The CRD has source.registry and source.dataVolume, and no provider of VirtRigaud reads them: the VM never gets "
    "its disk.",
    "Give the disk at an immutable HTTPS address with its sha256; `imagekit provision` does it so.",
)
def no_registry(tree: Tree) -> Iterator[Hit]:
    """VMImages whose source no provider reads."""
    for each, source in _sources(tree):
        for name in ("registry", "dataVolume"):
            if name in source:
                yield Hit(each, ("spec", "source", name), f"no provider reads source.{name}")


@lint(
    "source-insecure",
    "Over plain HTTP anybody on the path replaces the image.",
    "Serve the disk over HTTPS.",
)
def secure(tree: Tree) -> Iterator[Hit]:
    """Image addresses that are not HTTPS."""
    for each, key, url in _addresses(tree):
        if not url.lower().startswith("https://"):
            yield Hit(each, key, f"{url.partition(':')[0]}: is no HTTPS address")


@lint(
    "ova-url",
    "The CRD takes OVA addresses that end in .ova or .ovf; one with a query or a fragment does not.",
    "Use an address without query, such as one named after the digest.",
)
def ova(tree: Tree) -> Iterator[Hit]:
    """OVA addresses with a query, or of another kind of file."""
    for each, key, url in _addresses(tree):
        if key[-1] == "ovaURL" and ("?" in url or "#" in url or not url.lower().endswith((".ova", ".ovf"))):
            yield Hit(each, key, "the address must end in .ova or .ovf, without query")


@lint(
    "url-query",
    "An address with a query is mostly signed and expires, and the image is fetched when the first VM needs it.",
    "Use an immutable address without query.",
)
def no_query(tree: Tree) -> Iterator[Hit]:
    """Other image addresses with a query or with credentials."""
    for each, key, url in _addresses(tree):
        if key[-1] != "ovaURL" and ("?" in url or "@" in url.partition("://")[2].partition("/")[0]):
            yield Hit(each, key, "the address has a query or credentials in it")


def _addresses(tree: Tree) -> Iterator[tuple[Manifest, Key, str]]:
    for each, source in _sources(tree):
        for name, field in _URLS:
            inner = source.get(str(name))
            if isinstance(inner, dict) and isinstance(url := inner.get(field), str):
                yield each, ("spec", "source", name, field), url


@lint(
    "checksum-form",
    "libvirt and vSphere compare the bare hex digits; `sha256:` in front never matches, and the image is refused.",
    "Write the 64 lower-case hex digits alone, with checksumType: sha256.",
)
def bare_hex(tree: Tree) -> Iterator[Hit]:
    """Checksums that are no bare sha256."""
    for each, source in _sources(tree):
        for name in ("libvirt", "vsphere", "http"):
            inner = source.get(name)
            if not isinstance(inner, dict) or "checksum" not in inner:
                continue
            text, kind = str(inner["checksum"]), inner.get("checksumType", "sha256")
            if not _HEX.fullmatch(text) or kind != "sha256":
                reported = "has a prefix" if ":" in text else "is no bare sha256"
                yield Hit(each, ("spec", "source", name, "checksum"), f"the checksum {reported}")


@lint(
    "checksum-missing",
    "Without a checksum the provider imports whatever it gets.",
    "Add checksum and checksumType: sha256.",
)
def has_checksum(tree: Tree) -> Iterator[Hit]:
    """Images from an address without a checksum."""
    for each, key, _ in _addresses(tree):
        inner = each.get(*key[:-1])
        if "checksum" not in inner and key[2] != "http":
            yield Hit(each, key, "no checksum beside the address")


@lint(
    "source-unverified",
    "Proxmox ignores the checksum of source.http, and an existing template is verified by nobody.",
    "See that only the pipeline can write there; audit compares the template's digest.",
    level=Level.WARNING,
)
def unverified(tree: Tree) -> Iterator[Hit]:
    """Sources that no provider verifies."""
    for each, source in _sources(tree):
        for name, field in (("http", "url"), ("vsphere", "templateName"), ("proxmox", "templateName")):
            inner = source.get(name)
            if isinstance(inner, dict) and field in inner:
                yield Hit(each, ("spec", "source", name, field), f"no provider verifies {name}.{field}")


@lint(
    "vmclass-tpm-version",
    "securityProfile.tpmVersion can hold no value: the CRD's type is text and its choices are numbers.",
    "Leave it out; tpmEnabled: true is enough.",
)
def tpm_version(tree: Tree) -> Iterator[Hit]:
    """VMClasses with a tpmVersion."""
    for each in tree.of("VMClass"):
        if each.get("spec", "securityProfile", "tpmVersion") is not None:
            yield Hit(each, ("spec", "securityProfile", "tpmVersion"), "tpmVersion can hold no value")


@lint(
    "vmclass-firmware",
    "vSphere turns Secure Boot and TPM on with UEFI only; with BIOS the VM starts without either, silently.",
    "Say firmware: UEFI.",
)
def firmware(tree: Tree) -> Iterator[Hit]:
    """Secure Boot or TPM without UEFI."""
    for each in tree.of("VMClass"):
        profile = each.get("spec", "securityProfile")
        wanted = isinstance(profile, dict) and (profile.get("secureBoot") or profile.get("tpmEnabled"))
        if wanted and each.get("spec", "firmware") != "UEFI":
            yield Hit(each, ("spec", "securityProfile"), "Secure Boot or TPM is asked for, and firmware is not UEFI")


@lint(
    "vmset",
    "VMSet has no controller: it is stored, and nothing happens.",
    "Declare VirtualMachines; `imagekit provision roll` replaces them wave by wave.",
)
def no_vmset(tree: Tree) -> Iterator[Hit]:
    """VMSets."""
    for each in tree.of("VMSet"):
        yield Hit(each, ("kind",), "nothing acts on a VMSet")


@lint(
    "vm-image",
    "The CRD requires neither imageRef nor importedDisk; the controller fails without one of the two.",
    "Name the VMImage.",
)
def has_image(tree: Tree) -> Iterator[Hit]:
    """VirtualMachines with no image, or two."""
    for each in tree.of("VirtualMachine"):
        named = [name for name in ("imageRef", "importedDisk") if name in each.spec]
        if len(named) != 1:
            yield Hit(each, ("spec",), f"{' and '.join(named) or 'neither imageRef nor importedDisk'}; one is wanted")


@lint(
    "vm-off-graceful",
    "A provider reports Off, the controller compares it with OffGraceful, and shuts the machine down again and again: "
    "the VirtualMachine is never ready.",
    "Say Off; shut the machine down from inside where that matters.",
)
def off_graceful(tree: Tree) -> Iterator[Hit]:
    """VirtualMachines whose power state is never reached."""
    for each in tree.of("VirtualMachine"):
        if each.get("spec", "powerState") == "OffGraceful":
            yield Hit(each, ("spec", "powerState"), "no machine is ever reported as OffGraceful")
