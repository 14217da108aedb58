"""Flux: where the tree comes from, whose signature it must carry, and in which order its folders are applied.

Each folder is a Kustomization of its own, so that one that waits for machines holds up none that does not depend on it.
None substitutes variables (`postBuild`), for cloud-configs have `${...}` of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagekit.fleet.platform import Platform
from imagekit.provision.access import APPLIER
from imagekit.provision.inputs import Inputs
from imagekit.provision.objects import labels, made
from imagekit.provision.yamlout import Object

_KUSTOMIZE = "kustomize.toolkit.fluxcd.io/v1"
_SOURCE = "source.toolkit.fluxcd.io/v1"
_NAME = "fleet"
ARTIFACT_TAG = "fleet"  # of the rendered tree as an artifact; it moves, and the signature decides
# CEL over an object's status; VirtRigaud sets a phase and no condition that kstatus knows.
_MACHINES = {
    "apiVersion": "infra.virtrigaud.io/v1beta1",
    "kind": "VirtualMachine",
    "current": "has(status.phase) && (status.phase == 'Running' || status.phase == 'Stopped')",
    "failed": "has(status.phase) && status.phase == 'Failed'",
    "inProgress": "!has(status.phase) || status.phase in ['Pending', 'Provisioning', 'Reconfiguring', 'Deleting']",
}


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the tree as Flux applies it.

    `needs` are folders that must be well before. `checks` are (apiVersion, kind, name) of objects that make it well;
    with `wait` all of its objects do. `cluster` is the workload cluster that it goes to, else the management cluster.
    """

    path: str
    needs: tuple[str, ...] = ()
    checks: tuple[tuple[str, str, str], ...] = ()
    wait: bool = False
    own_account: bool = True
    cluster: str | None = None

    @property
    def name(self) -> str:
        """The name of its Kustomization."""
        return f"{_NAME}-{self.path.replace('/', '-')}"


def flux_objects(inputs: Inputs, folders: Sequence[Folder]) -> list[Object]:
    """Sources and Kustomizations; none where no source is named, for somebody else applies the tree then."""
    platform = inputs.platform
    if platform.git is None and platform.oci is None:
        return []
    found = [each for each in (_git(platform), _oci(platform)) if each is not None]
    known = {each.path: each for each in folders}
    return [*found, *(_kustomization(platform, each, known) for each in folders)]


def _git(platform: Platform) -> Object | None:
    if platform.git is None:
        return None
    git = platform.git
    spec: Object = {"url": git.url, "ref": {"branch": git.branch}, "interval": platform.interval}
    if git.secret is not None:
        spec["secretRef"] = {"name": git.secret}
    if git.signers is not None:
        spec["verify"] = {"mode": "HEAD", "secretRef": {"name": git.signers}}
    return made(_SOURCE, "GitRepository", _NAME, spec, namespace=platform.flux_namespace, label=labels())


def _oci(platform: Platform) -> Object | None:
    if platform.oci is None:
        return None
    oci = platform.oci
    spec: Object = {
        "url": oci.url,
        "ref": {"digest": oci.digest} if oci.digest is not None else {"tag": ARTIFACT_TAG},
        "interval": platform.interval,
        "verify": {"provider": "cosign", "secretRef": {"name": oci.keys}},
    }
    if oci.secret is not None:
        spec["secretRef"] = {"name": oci.secret}
    return made(_SOURCE, "OCIRepository", _NAME, spec, namespace=platform.flux_namespace, label=labels())


def _kustomization(platform: Platform, folder: Folder, known: dict[str, Folder]) -> Object:
    space = platform.namespace if folder.cluster else platform.flux_namespace
    spec: Object = {
        "sourceRef": _source(platform),
        "path": _path(platform, folder.path),
        "interval": platform.interval,
        "retryInterval": "1m",
        "timeout": platform.timeout,
        "prune": True,
        "wait": folder.wait,
    }
    if folder.needs:
        spec["dependsOn"] = [
            {"name": known[each].name, "namespace": platform.flux_namespace} for each in sorted(folder.needs)
        ]
    if folder.checks:
        spec["healthChecks"] = [
            {"apiVersion": api, "kind": kind, "name": name, "namespace": platform.namespace}
            for api, kind, name in folder.checks
        ]
    if folder.path.startswith("machines/"):
        spec["healthCheckExprs"] = [_MACHINES]
    if folder.cluster is not None:
        # Cluster API leaves the kubeconfig of a cluster there; https://fluxcd.io/flux/components/kustomize/
        spec["kubeConfig"] = {"secretRef": {"name": f"{folder.cluster}-kubeconfig", "key": "value"}}
    elif folder.own_account:
        spec["serviceAccountName"] = APPLIER
    return made(_KUSTOMIZE, "Kustomization", folder.name, spec, namespace=space, label=labels())


def _source(platform: Platform) -> Object:
    """Of two sources the signed artifact counts."""
    kind = "OCIRepository" if platform.oci is not None else "GitRepository"
    return {"kind": kind, "name": _NAME, "namespace": platform.flux_namespace}


def _path(platform: Platform, folder: str) -> str:
    """In Git the tree is a folder, an artifact is the tree."""
    if platform.oci is not None or platform.git is None:
        return f"./{folder}"
    return f"{platform.git.path.rstrip('/')}/{folder}"
