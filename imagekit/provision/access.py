"""Who may do what in the management cluster: the pipeline reads, and Flux writes just what the tree has."""

from __future__ import annotations

from imagekit.provision.inputs import Inputs
from imagekit.provision.objects import labels, made
from imagekit.provision.yamlout import Object

_RBAC = "rbac.authorization.k8s.io"
_READ = ["get", "list", "watch"]
_WRITE = [*_READ, "create", "patch", "update", "delete"]
# What `provision roll` reads to see whether a fleet is well.
_PIPELINE = (
    ("infra.virtrigaud.io", ["virtualmachines", "vmimages"]),
    ("cluster.x-k8s.io", ["clusters", "machines"]),
    ("k0rdent.mirantis.com", ["clusterdeployments"]),
    ("bindy.firestoned.io", ["dnszones", "arecords", "aaaarecords", "cnamerecords", "txtrecords"]),
)
# What the tree has, folder by folder. Secrets: the cloud-configs, which hold none.
_FLUX = (
    ("", ["secrets", "configmaps"]),
    ("infra.virtrigaud.io", ["virtualmachines", "vmimages", "vmclasses"]),
    ("cluster.x-k8s.io", ["clusters", "machines", "machinedeployments"]),
    ("controlplane.cluster.x-k8s.io", ["k0smotroncontrolplanes", "k0scontrolplanes"]),
    ("bootstrap.cluster.x-k8s.io", ["k0sworkerconfigs", "k0sworkerconfigtemplates"]),
    (
        "infrastructure.cluster.x-k8s.io",
        ["remoteclusters", "remotemachines", "remotemachinetemplates", "pooledremotemachines"],
    ),
    ("k0smotron.io", ["jointokenrequests"]),
    ("k0rdent.mirantis.com", ["credentials", "clusterdeployments"]),
    ("bindy.firestoned.io", ["dnszones", "arecords", "aaaarecords", "cnamerecords", "txtrecords"]),
)
APPLIER = "fleet-applier"


def access(inputs: Inputs) -> list[Object]:
    """Accounts, roles and bindings. No role has a star, and none may read a Secret but Flux's."""
    platform = inputs.platform
    space, account = platform.namespace, platform.account
    nodes = [{"apiGroups": [""], "resources": ["nodes"], "verbs": _READ}]
    flux = [{"apiGroups": ["kustomize.toolkit.fluxcd.io"], "resources": ["kustomizations"], "verbs": _READ}]
    return [
        made("v1", "ServiceAccount", account, None, namespace=space) | {"automountServiceAccountToken": False},
        _role("Role", f"{account}-read", _rules(_PIPELINE, _READ), space),
        _binding("RoleBinding", f"{account}-read", "Role", (account, space), space),
        _role("ClusterRole", f"{account}-nodes", nodes),
        _binding("ClusterRoleBinding", f"{account}-nodes", "ClusterRole", (account, space)),
        _role("Role", f"{account}-flux", flux, platform.flux_namespace),
        _binding("RoleBinding", f"{account}-flux", "Role", (account, space), platform.flux_namespace),
        made("v1", "ServiceAccount", APPLIER, None, namespace=platform.flux_namespace)
        | {"automountServiceAccountToken": False},
        _role("Role", APPLIER, _rules(_FLUX, _WRITE), space),
        _binding("RoleBinding", APPLIER, "Role", (APPLIER, platform.flux_namespace), space),
    ]


def _rules(groups: tuple[tuple[str, list[str]], ...], verbs: list[str]) -> list[Object]:
    return [{"apiGroups": [group], "resources": resources, "verbs": verbs} for group, resources in groups]


def _role(kind: str, name: str, rules: list[Object], space: str | None = None) -> Object:
    return made(f"{_RBAC}/v1", kind, name, None, namespace=space, label=labels()) | {"rules": rules}


def _binding(kind: str, name: str, role: str, account: tuple[str, str], space: str | None = None) -> Object:
    found = made(f"{_RBAC}/v1", kind, name, None, namespace=space, label=labels())
    subject = {"kind": "ServiceAccount", "name": account[0], "namespace": account[1]}
    return found | {"roleRef": {"apiGroup": _RBAC, "kind": role, "name": name}, "subjects": [subject]}
