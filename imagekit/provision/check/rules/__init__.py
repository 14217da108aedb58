"""The lint: what schemas cannot say. Importing this package makes every rule known."""

from imagekit.provision.check.rules import (
    dns,
    flux,
    images,
    kustomize,
    libvirt,
    names,
    policies,
    references,
    rollout,
    secrets,
    versions,
    virtrigaud,
)

__all__ = [
    "dns",
    "flux",
    "images",
    "kustomize",
    "libvirt",
    "names",
    "policies",
    "references",
    "rollout",
    "secrets",
    "versions",
    "virtrigaud",
]
