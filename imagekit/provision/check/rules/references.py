"""References between objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from imagekit.provision.check.finding import Hit, Key, Level, lint
from imagekit.provision.check.objects import Manifest, Tree

# The kind that a field of this name points to, where the field has a name alone.
_KINDS = {
    "providerRef": "Provider",
    "classRef": "VMClass",
    "imageRef": "VMImage",
    "networkRef": "VMNetworkAttachment",
    "vmRef": "VirtualMachine",
    "migrationRef": "VMMigration",
    "placementRef": "VMPlacementPolicy",
    "imageRepositoryRef": "ImageRepository",
    "configMapRef": "ConfigMap",
}
# What holds credentials, or comes with the platform's charts, is often applied by others.
_ELSEWHERE = frozenset(("Secret", "Provider", "VMNetworkAttachment", "VMPlacementPolicy", "ClusterTemplate"))
_PLATFORM = frozenset(("ClusterRole", "ServiceAccount", "HelmChart", "HelmRepository"))  # not even worth a warning
Reference = tuple[Key, str, str, str]  # where, kind, namespace, name


def references(each: Manifest) -> Iterator[Reference]:
    """Every reference of an object: where it stands, and the kind, namespace and name it points to."""
    yield from _walk(each, ("spec",), each.get("spec"))
    yield from _special(each)


def _walk(each: Manifest, key: Key, value: Any) -> Iterator[Reference]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _walk(each, (*key, number), item)
    if not isinstance(value, dict):
        return
    for name, item in value.items():
        at = (*key, name)
        if isinstance(item, dict) and isinstance(item.get("name"), str) and (kind := _kind(name, item)):
            yield at, kind, str(item.get("namespace") or each.namespace), item["name"]
        else:
            yield from _walk(each, at, item)


def _kind(name: str, item: dict[str, Any]) -> str:
    if not name.endswith("Ref"):
        return ""
    if isinstance(item.get("kind"), str):
        return str(item["kind"])
    return "Secret" if name.lower().endswith(("secretref", "keyref")) else _KINDS.get(name, "")


def _special(each: Manifest) -> Iterator[Reference]:
    """References that are plain text, or stand outside of spec."""
    match each.kind:
        case "ClusterDeployment":
            for name, kind in (("template", "ClusterTemplate"), ("credential", "Credential")):
                if isinstance(text := each.get("spec", name), str):
                    yield ("spec", name), kind, each.namespace, text
        case "ValidatingAdmissionPolicyBinding":
            if isinstance(text := each.get("spec", "policyName"), str):
                yield ("spec", "policyName"), "ValidatingAdmissionPolicy", "", text
            param = each.get("spec", "paramRef")
            if isinstance(param, dict) and isinstance(param.get("name"), str):
                yield ("spec", "paramRef"), "ConfigMap", str(param.get("namespace") or ""), param["name"]
        case "RemoteMachine" | "PooledRemoteMachine":
            return
        case "RoleBinding" | "ClusterRoleBinding":
            role = each.get("roleRef")
            if isinstance(role, dict) and isinstance(role.get("name"), str):
                kind = str(role.get("kind"))
                yield ("roleRef",), kind, each.namespace if kind == "Role" else "", role["name"]
        case "Kustomization":
            for number, one in enumerate(each.get("spec", "dependsOn") or ()):
                if isinstance(one, dict) and isinstance(one.get("name"), str):
                    yield (
                        ("spec", "dependsOn", number),
                        "Kustomization",
                        one.get("namespace") or each.namespace,
                        one["name"],
                    )


def _unresolved(tree: Tree) -> Iterator[tuple[Manifest, Reference]]:
    for each in tree.manifests:
        for one in references(each):
            _, kind, namespace, name = one
            there = (kind, namespace, name) in tree.names or (kind, "", name) in tree.names
            if not there and f"{kind}/{name}" not in tree.external:
                yield each, one


@lint(
    "reference-missing",
    "The controller waits for an object that nothing applies, for good.",
    "Add the object, correct the name, or say --external KIND/NAME where somebody else applies it.",
)
def missing(tree: Tree) -> Iterator[Hit]:
    """References to objects that are not in the files."""
    for each, (key, kind, namespace, name) in _unresolved(tree):
        if kind not in _ELSEWHERE | _PLATFORM:
            yield Hit(each, key, f"no {kind} {namespace}/{name} in these files")


@lint(
    "reference-elsewhere",
    "Secrets, Providers and ClusterTemplates are often made by others; then nothing here can tell whether they exist.",
    "See that it is there, and say --external KIND/NAME.",
    level=Level.WARNING,
)
def elsewhere(tree: Tree) -> Iterator[Hit]:
    """References to objects that others may have applied."""
    for each, (key, kind, namespace, name) in _unresolved(tree):
        if kind in _ELSEWHERE:
            yield Hit(each, key, f"no {kind} {namespace}/{name} in these files")


@lint(
    "reference-namespace",
    "A workload in another namespace is another team's object; VirtRigaud and Flux follow such references only where "
    "the operator allows it.",
    "Keep what belongs together in one namespace, or see that the controller allows it.",
    level=Level.WARNING,
)
def across(tree: Tree) -> Iterator[Hit]:
    """References of VirtRigaud's objects into another namespace."""
    for each in tree.of("VirtualMachine", "VMImage"):
        for key, kind, namespace, name in references(each):
            if namespace != each.namespace:
                yield Hit(each, key, f"{kind} {namespace}/{name} is in another namespace")
