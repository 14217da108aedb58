"""Which image an object means: by digest, allowed, and the same everywhere."""

from __future__ import annotations

from collections.abc import Iterator

from imagekit.base.errors import ConfigError
from imagekit.oci.reference import Digest, Reference
from imagekit.provision.check.finding import Hit, Key, lint
from imagekit.provision.check.objects import Manifest, Tree

ANNOTATION = "imagekit.dev/oci-image"
_AT: Key = ("metadata", "annotations", ANNOTATION)
_SHORT = 12


def image_references(each: Manifest) -> Iterator[tuple[Key, str]]:
    """Where an object says which image of nodes it means, and what it says."""
    if ANNOTATION in each.annotations:
        yield _AT, each.annotations[ANNOTATION]
    if each.kind in ("NodeOpUpgrade", "NodeOp") and isinstance(each.get("spec", "image"), str):
        yield ("spec", "image"), str(each.get("spec", "image"))
    if each.kind == "Provider" and isinstance(each.get("spec", "runtime", "image"), str):
        yield ("spec", "runtime", "image"), str(each.get("spec", "runtime", "image"))


def digest_in(text: str) -> Digest | None:
    """The digest of a reference; None where it has none or is no reference."""
    try:
        return Reference.parse(text).digest
    except ConfigError:
        return None


@lint(
    "image-tag-only",
    "A tag is a name that may move; only a digest says which image runs.",
    "Write REGISTRY/REPOSITORY@sha256:<64 hex digits>.",
)
def by_digest(tree: Tree) -> Iterator[Hit]:
    """Images named without a digest."""
    for each in tree.manifests:
        for key, text in image_references(each):
            if digest_in(text) is None:
                yield Hit(each, key, f"{text!r} has no digest")


@lint(
    "image-unnamed",
    "Neither an auditor nor an admission policy can tell which image a VM is made from without the annotation.",
    f"Add the annotation {ANNOTATION}: REGISTRY/REPOSITORY@sha256:<64 hex digits>.",
)
def named(tree: Tree) -> Iterator[Hit]:
    """VMImages and VirtualMachines that do not say their image."""
    for each in tree.of("VMImage", "VirtualMachine"):
        if ANNOTATION not in each.annotations:
            yield Hit(each, ("metadata",), f"no annotation {ANNOTATION}")


@lint(
    "image-yanked",
    "The digest was withdrawn by somebody with the right to; no node may get it.",
    "Take the version that the channel points at now; `imagekit history` shows why this one was withdrawn.",
)
def yanked(tree: Tree) -> Iterator[Hit]:
    """Images that were withdrawn, wherever their digest stands."""
    if not tree.denied:
        return
    for each in tree.manifests:
        if each.kind == "ConfigMap":
            continue  # the parameter of the policy that refuses them holds their digests
        for key, text in each.texts():
            for digest, why in tree.denied.items():
                if digest.hex in text:
                    yield Hit(each, key, f"{digest.short} was withdrawn: {why}")


@lint(
    "image-disagrees",
    "VirtRigaud follows imageRef, not the annotation; where they differ, the VM runs another image than Git says.",
    "Give both the same digest.",
)
def same(tree: Tree) -> Iterator[Hit]:
    """VirtualMachines whose annotation is not their VMImage's."""
    images = {(each.namespace, each.short): each for each in tree.of("VMImage")}
    for each in tree.of("VirtualMachine"):
        ref = each.get("spec", "imageRef")
        name = ref.get("name") if isinstance(ref, dict) else None
        image = images.get((str(ref.get("namespace") or each.namespace), str(name))) if isinstance(ref, dict) else None
        said = each.annotations.get(ANNOTATION)
        theirs = image.annotations.get(ANNOTATION) if image is not None else None
        if said and theirs and digest_in(said) != digest_in(theirs):
            yield Hit(each, _AT, f"VMImage {name} is of another digest")


@lint(
    "image-name",
    "A provider keys images by the VMImage's name and skips the import when it has one of that name; so the name must "
    "change with the digest, and is never used again.",
    "End the name in the first 12 hex digits of the OCI digest.",
)
def keyed(tree: Tree) -> Iterator[Hit]:
    """VMImages whose name is not that of their digest."""
    for each in tree.of("VMImage"):
        digest = digest_in(each.annotations.get(ANNOTATION, ""))
        if digest is not None and not each.short.endswith(digest.hex[:_SHORT]):
            yield Hit(each, ("metadata", "name"), f"the name does not end in {digest.hex[:_SHORT]}")
