"""Flux: substitution, verification of sources, health, pruning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath

from imagekit.provision.check.finding import Hit, Level, lint
from imagekit.provision.check.objects import Manifest, Tree

_GROUP = "kustomize.toolkit.fluxcd.io"
# github.com/fluxcd/pkg/envsubst: ${VAR} in all its forms is taken, $VAR is not, $${ is an escaped one.
_VARIABLE = re.compile(r"(?<!\$)(?:\$\$)*\$\{[^}]*\}?")


def kustomizations(tree: Tree) -> list[Manifest]:
    """Flux's Kustomizations, not kustomize's."""
    return [each for each in tree.of("Kustomization") if each.group == _GROUP]


@cache
def covers(path: str, file: str) -> bool:
    """Whether a Kustomization's path may be a folder that a file is in: paths are the repository's, files ours."""
    wanted = PurePosixPath(path or ".").parts
    wanted = tuple(part for part in wanted if part != ".")
    parents = Path(file).resolve().parent.parts
    return not wanted or any(parents[n : n + len(wanted)] == wanted for n in range(len(parents)))


@lint(
    "flux-substitution",
    "With postBuild Flux replaces ${...} in what it applies, also in an embedded cloud-config; since "
    "kustomize-controller 1.9 a variable that is not set fails the whole build.",
    "Annotate the object with kustomize.toolkit.fluxcd.io/substitute: disabled, or write $${...}.",
)
def substituted(tree: Tree) -> Iterator[Hit]:
    """Texts that Flux would change."""
    paths = [str(each.get("spec", "path") or "") for each in kustomizations(tree) if each.get("spec", "postBuild")]
    if not paths:
        return
    for each in tree.manifests:
        if each.group != _GROUP and each.substituted and any(covers(path, each.file) for path in paths):
            yield from _variables(each)


@lint(
    "flux-substitution-later",
    "No Kustomization here substitutes, but one that somebody adds would change these texts.",
    "Annotate the object with kustomize.toolkit.fluxcd.io/substitute: disabled.",
    level=Level.WARNING,
)
def may_be_substituted(tree: Tree) -> Iterator[Hit]:
    """Texts that Flux would change if substitution were on."""
    if any(each.get("spec", "postBuild") for each in kustomizations(tree)):
        return
    for each in tree.manifests:
        if each.substituted:
            yield from _variables(each)


def _variables(each: Manifest) -> Iterator[Hit]:
    for key, text in each.texts():
        found = _VARIABLE.search(text)
        if found:
            yield Hit(each, key, f"{found[0][:40]} would be replaced")


@lint(
    "flux-unverified-artifact",
    "Without spec.verify source-controller takes any artifact that is at the address.",
    "Add verify with provider: cosign and the keys, or the identity, that may sign.",
)
def artifact_verified(tree: Tree) -> Iterator[Hit]:
    """OCIRepositories that verify nothing."""
    for each in tree.of("OCIRepository"):
        verify = each.get("spec", "verify")
        if not isinstance(verify, dict):
            yield Hit(each, ("spec",), "no spec.verify")
        elif not verify.get("secretRef") and not verify.get("matchOIDCIdentity"):
            yield Hit(each, ("spec", "verify"), "neither secretRef nor matchOIDCIdentity: anybody's signature counts")


@lint(
    "flux-unverified-git",
    "Without spec.verify whoever can push decides what runs.",
    "Add verify with mode: HEAD and the public keys of who may commit.",
    level=Level.WARNING,
)
def commit_verified(tree: Tree) -> Iterator[Hit]:
    """GitRepositories that verify nothing."""
    for each in tree.of("GitRepository"):
        if not isinstance(each.get("spec", "verify"), dict):
            yield Hit(each, ("spec",), "no spec.verify")


@lint(
    "flux-no-prune",
    "Without prune what is removed from Git stays in the cluster; a roll removes the old VMs that way.",
    "Set prune: true.",
)
def prunes(tree: Tree) -> Iterator[Hit]:
    """Kustomizations that remove nothing."""
    for each in kustomizations(tree):
        if each.get("spec", "prune") is not True:
            yield Hit(each, ("spec", "prune"), "prune is not true")


@lint(
    "flux-waits-for-image",
    "A VMImage becomes ready only when a VM uses it; a health check on one waits until it times out.",
    "Check the health of the VirtualMachine.",
)
def waits(tree: Tree) -> Iterator[Hit]:
    """Health checks of VMImages."""
    for each in kustomizations(tree):
        checks = each.get("spec", "healthChecks")
        for number, one in enumerate(checks if isinstance(checks, list) else ()):
            if isinstance(one, dict) and one.get("kind") == "VMImage":
                yield Hit(each, ("spec", "healthChecks", number), f"VMImage {one.get('name')} is waited for")
