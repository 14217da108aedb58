"""The kustomization files that Flux builds a folder with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imagekit.provision.check.finding import Hit, lint
from imagekit.provision.check.objects import KUSTOMIZE, Manifest, Tree


def _files(tree: Tree) -> Iterator[tuple[Manifest, list[str]]]:
    for each in tree.manifests:
        if each.group == KUSTOMIZE:
            found = each.get("resources")
            yield each, [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


@lint(
    "kustomize-missing",
    "kustomize fails on a resource that is not there, and Flux then applies nothing of the folder.",
    "Add the file, or take it out of resources.",
)
def missing(tree: Tree) -> Iterator[Hit]:
    """Resources that are not there."""
    for each, names in _files(tree):
        for number, name in enumerate(names):
            if "://" not in name and not (Path(each.file).parent / name).exists():
                yield Hit(each, ("resources", number), f"{name} is not there")


@lint(
    "kustomize-unlisted",
    "A file beside a kustomization that does not list it is never applied.",
    "Add it to resources, or remove it.",
)
def unlisted(tree: Tree) -> Iterator[Hit]:
    """Files and folders that nothing lists."""
    listed: dict[Path, Manifest] = {}
    wanted: set[Path] = set()
    for each, names in _files(tree):
        folder = Path(each.file).parent
        listed[folder] = each
        wanted |= {(folder / name).resolve() for name in (*names, *_other(each))}
    for file in map(Path, tree.files):
        if file.parent in listed and file.resolve() not in wanted and file.stem != "kustomization":
            yield Hit(listed[file.parent], ("resources",), f"{file.name} is in no list of resources")


def _other(each: Manifest) -> Iterator[str]:
    """What else a kustomization reads from files."""
    for name in ("patches", "components", "configurations", "crds", "openapi"):
        for one in each.get(name) or ():
            text = one.get("path") if isinstance(one, dict) else one
            if isinstance(text, str):
                yield text
