"""Versions: what an object claims and what is inside the image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from imagekit.oci.reference import Digest
from imagekit.provision.check.finding import Hit, Key, Level, lint
from imagekit.provision.check.objects import Manifest, Tree
from imagekit.provision.check.rules.images import ANNOTATION, digest_in

_WORKERS = ("K0sWorkerConfig", "K0sWorkerConfigTemplate")
_IMAGE_TAG = re.compile(r"v?\d+\.\d+\.\d+-k0s\.\d+")
_RELEASE = re.compile(r"v?\d+\.\d+\.\d+\+k0s\.\d+")


def _record(tree: Tree, each: Manifest) -> tuple[Digest, Mapping[str, str]] | None:
    digest = digest_in(each.annotations.get(ANNOTATION, ""))
    return (digest, tree.records[digest]) if digest is not None and digest in tree.records else None


@lint(
    "version-disagrees",
    "The version in the manifest is for people; what counts is inside the image, and a wrong one misleads the roll.",
    "Write the image's own KAIROS_VERSION; `imagekit provision render` does it so.",
)
def version(tree: Tree) -> Iterator[Hit]:
    """VMImages whose version is not the image's."""
    for each in tree.of("VMImage"):
        said, known = each.get("spec", "metadata", "version"), _record(tree, each)
        if known is None or not isinstance(said, str):
            continue
        inside = known[1].get("KAIROS_VERSION", "")
        if inside and _bare(said) != _bare(inside):
            yield Hit(each, ("spec", "metadata", "version"), f"{said}, and {inside} is inside {known[0].short}")


def _bare(text: str) -> str:
    return text.removeprefix("v")


@lint(
    "version-reused",
    "The Kairos operator compares versions and not digests: a second image under one version is never rolled out.",
    "Build with a version of its own.",
)
def reused(tree: Tree) -> Iterator[Hit]:
    """Two digests under one version and repository."""
    seen: dict[tuple[str, str], Digest] = {}
    for each in tree.of("VMImage"):
        text = each.annotations.get(ANNOTATION, "")
        said, digest = each.get("spec", "metadata", "version"), digest_in(text)
        if isinstance(said, str) and digest is not None:
            first = seen.setdefault((text.partition("@")[0], said), digest)
            if first != digest:
                yield Hit(each, ("spec", "metadata", "version"), f"{said} is also the version of {first.short}")


def _k0s(each: Manifest) -> tuple[Key, str] | None:
    key: Key = ("spec", "template", "spec", "version") if each.kind.endswith("Template") else ("spec", "version")
    found = each.get(*key)
    return (key, found) if isinstance(found, str) else None


@lint(
    "k0s-version-form",
    "K0smotronControlPlane takes the tag of an image (v1.36.3-k0s.2), the configurations of workers a release "
    "(v1.36.3+k0s.2); the other form is not found.",
    "Write - before k0s in a K0smotronControlPlane, + elsewhere.",
)
def form(tree: Tree) -> Iterator[Hit]:
    """k0s versions in the other kind's form."""
    for each in tree.of("K0smotronControlPlane", "K0sControlPlane", *_WORKERS):
        found = _k0s(each)
        wanted = _IMAGE_TAG if each.kind == "K0smotronControlPlane" else _RELEASE
        other = _RELEASE if each.kind == "K0smotronControlPlane" else _IMAGE_TAG
        if found is not None and not wanted.fullmatch(found[1]) and other.fullmatch(found[1]):
            yield Hit(each, found[0], f"{found[1]} is the form of another kind")


@lint(
    "k0s-version-disagrees",
    "The image of a node holds its k0s; a version that is not in it is at best ignored, at worst downloaded.",
    "Write the version that is inside the image.",
)
def k0s_inside(tree: Tree) -> Iterator[Hit]:
    """Workers whose k0s is not the image's."""
    for each in tree.of(*_WORKERS):
        found, known = _k0s(each), _record(tree, each)
        inside = known[1].get("k0s", "") if known is not None else ""
        if found is not None and inside and _bare(found[1]) != _bare(inside):
            yield Hit(each, found[0], f"{found[1]}, and {inside} is inside the image")


@lint(
    "k0s-downloaded",
    "Without preInstalledK0s k0smotron downloads k0s onto the node, which an immutable node offline cannot.",
    "Set preInstalledK0s: true and k0sInstallDir: /usr/bin.",
    level=Level.WARNING,
)
def downloaded(tree: Tree) -> Iterator[Hit]:
    """Workers that download k0s."""
    for each in tree.of(*_WORKERS):
        key: Key = ("spec", "template", "spec") if each.kind.endswith("Template") else ("spec",)
        body = each.get(*key)
        if isinstance(body, dict) and body.get("preInstalledK0s") is not True:
            yield Hit(each, key, "preInstalledK0s is not true")
