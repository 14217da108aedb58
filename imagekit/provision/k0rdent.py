"""Clusters that k0rdent makes (k0rdent.mirantis.com/v1beta1, v1.12) out of machines that it reaches over SSH.

`ClusterDeployment.spec.config` is free-form in its CRD: what stands there is held to the values of the chart
`remote-cluster`. ClusterTemplate and ServiceTemplates are the platform team's own and named, never made.
"""

from __future__ import annotations

from collections.abc import Sequence

from imagekit.fleet.cluster import Cluster, Services
from imagekit.provision.capi import k0s_version, node_labels, reach
from imagekit.provision.inputs import Inputs, ProvisionError
from imagekit.provision.instances import Instance
from imagekit.provision.names import NO_SUBSTITUTION
from imagekit.provision.objects import labels, made
from imagekit.provision.yamlout import Object, documents

API = "k0rdent.mirantis.com/v1beta1"
_COMPONENT = {"k0rdent.mirantis.com/component": "kcm"}


def cluster_objects(inputs: Inputs, name: str, machines: Sequence[Instance]) -> list[Object]:
    """Credential, ClusterDeployment and what they refer to. Raises `ProvisionError` where something is not said."""
    cluster = inputs.fleet.clusters[name]
    if cluster.cluster_template is None:
        raise ProvisionError(
            f"cluster {name} has no `cluster_template`",
            hint="Name the k0rdent ClusterTemplate with its version, as remote-cluster-1-0-38.",
        )
    space, label = inputs.platform.namespace, labels(cluster=name)
    credential = cluster.credential or f"{name}-credential"
    identity = {"apiVersion": "v1", "kind": "Secret", "name": cluster.ssh_secret, "namespace": space}
    spec: Object = {
        "template": cluster.cluster_template,
        "credential": credential,
        "propagateCredentials": False,
        "config": _config(inputs, cluster, name, machines),
    }
    services = _services(name, cluster.services)
    if services:
        spec["serviceSpec"] = services
    found = [
        made(API, "Credential", credential, {"identityRef": identity}, namespace=space, label={**label, **_COMPONENT}),
        _resource_template(inputs, cluster),
        made(API, "ClusterDeployment", name, spec, namespace=space, label=label),
    ]
    return [*found, *_pools(inputs, name, cluster.services)]


def _resource_template(inputs: Inputs, cluster: Cluster) -> Object:
    """What a Credential brings into its cluster: nothing, for machines reached over SSH need nothing there."""
    found = made(
        "v1",
        "ConfigMap",
        f"{cluster.ssh_secret}-resource-template",
        None,
        namespace=inputs.platform.namespace,
        label={**labels(), **_COMPONENT},
    )
    return found | {"data": {}}


def _config(inputs: Inputs, cluster: Cluster, name: str, machines: Sequence[Instance]) -> Object:
    return {
        "clusterLabels": dict(cluster.labels),
        "clusterNetwork": {
            "pods": {"cidrBlocks": [cluster.pods]},
            "services": {"cidrBlocks": [cluster.services_network]},
        },
        "controlPlaneNumber": cluster.replicas,
        "k0s": {"version": k0s_version(name, machines).replace("+", "-")},
        "k0smotron": {"service": {"type": "LoadBalancer", "apiPort": cluster.port, "konnectivityPort": 8132}},
        "machines": [_machine(inputs, cluster, each) for each in machines],
    }


def _machine(inputs: Inputs, cluster: Cluster, machine: Instance) -> Object:
    known = ",".join(f"{key}={value}" for key, value in sorted(node_labels(cluster, machine).items()))
    return {
        "name": machine.name,
        "address": reach(inputs, machine),
        "port": 22,
        "user": cluster.ssh_user,
        "useSudo": cluster.ssh_user != "root",
        "preInstalledK0s": True,
        "k0s": {"args": ["--force", f"--labels={known}"]},
    }


def _services(name: str, services: Services) -> Object:
    wanted = (
        ("metallb", services.metallb, "metallb-system", None),
        ("traefik", services.traefik, "traefik", _traefik_values(services)),
    )
    found: list[Object] = []
    for service, template, space, values in wanted:
        if template is None:
            continue
        entry: Object = {"name": service, "namespace": space, "template": template}
        if values is not None:
            entry["values"] = values
        if service != "metallb" and services.metallb is not None:
            entry["dependsOn"] = [{"name": "metallb", "namespace": "metallb-system"}]
        found.append(entry)
    if not found:
        return {}
    spec: Object = {"services": found, "priority": 100, "stopOnConflict": True}
    if services.pools:
        spec["policyRefs"] = [{"kind": "ConfigMap", "name": f"{name}-metallb-pools", "deploymentType": "Remote"}]
    return spec


def _traefik_values(services: Services) -> str:
    return documents(
        [{"ingressClass": {"enabled": True, "name": services.ingress_class}, "service": {"type": "LoadBalancer"}}]
    )


def _pools(inputs: Inputs, name: str, services: Services) -> list[Object]:
    """MetalLB's own objects (metallb.io/v1beta1), in a ConfigMap whose content k0rdent applies in the cluster."""
    if not services.pools:
        return []
    if services.metallb is None:
        raise ProvisionError(f"cluster {name} has address pools and no `services.metallb`")
    space = "metallb-system"
    pool = made("metallb.io/v1beta1", "IPAddressPool", "default", {"addresses": list(services.pools)}, namespace=space)
    reported = made(
        "metallb.io/v1beta1", "L2Advertisement", "default", {"ipAddressPools": ["default"]}, namespace=space
    )
    found = made(
        "v1",
        "ConfigMap",
        f"{name}-metallb-pools",
        None,
        namespace=inputs.platform.namespace,
        label=labels(cluster=name),
        annotations=NO_SUBSTITUTION,
    )
    return [found | {"data": {"pools.yaml": documents([pool, reported])}}]
