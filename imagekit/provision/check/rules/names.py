"""Names of objects."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imagekit.provision.check.finding import Hit, lint
from imagekit.provision.check.objects import KUSTOMIZE, Manifest, Tree

_LIMIT = 63
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_GROUP = "infra.virtrigaud.io"
# What has names of its own kind: `system:node`, and policies named after what they guard.
_FREE = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "CustomResourceDefinition")


def _named(tree: Tree) -> Iterator[Manifest]:
    yield from (each for each in tree.manifests if each.short and each.group != KUSTOMIZE and each.kind not in _FREE)


@lint(
    "name-length",
    "Names become label values, host names and file names of a hypervisor; those end at 63 characters.",
    "Shorten the name; imagekit's are name, version and 12 hex digits of the digest.",
)
def too_long(tree: Tree) -> Iterator[Hit]:
    """Names of more than 63 characters."""
    for each in _named(tree):
        if len(each.short) > _LIMIT:
            yield Hit(each, ("metadata", "name"), f"the name has {len(each.short)} characters, {_LIMIT} is the most")


@lint(
    "name-invalid",
    "The API server takes RFC 1123 names: lower case, digits, hyphens, dots.",
    "Write the name in lower case, with hyphens.",
)
def invalid(tree: Tree) -> Iterator[Hit]:
    """Names that the API server refuses."""
    for each in _named(tree):
        if not _SUBDOMAIN.fullmatch(each.short):
            yield Hit(each, ("metadata", "name"), f"{each.short!r} is no RFC 1123 name")


@lint(
    "name-dots",
    "VirtRigaud's references match [a-z0-9]([-a-z0-9]*[a-z0-9])?, so an object with a dot in its name exists "
    "and cannot be referred to.",
    "Write - in place of . and + (node-1-4-2).",
)
def dots(tree: Tree) -> Iterator[Hit]:
    """Names with dots where references have none."""
    for each in _named(tree):
        if each.group == _GROUP and "." in each.short:
            yield Hit(each, ("metadata", "name"), f"{each.short} cannot be referred to: references take no dots")


@lint(
    "duplicate-object",
    "Of two objects with one identity the one applied last wins, and kustomize refuses both.",
    "Remove one, or rename it.",
)
def twice(tree: Tree) -> Iterator[Hit]:
    """Two objects with one identity."""
    seen: dict[tuple[str, str, str, str], Manifest] = {}
    for each in _named(tree):
        first = seen.setdefault(each.id, each)
        if first is not each:
            line = first.line_of(("metadata", "name"))
            yield Hit(each, ("metadata", "name"), f"{each.name} is also in {first.file}:{line}")
