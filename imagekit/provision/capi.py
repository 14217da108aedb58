"""Cluster API (v1beta2) with k0smotron v2.1: a hosted or a machine control plane, and nodes that are joined over SSH.

k0s is in the image (`preInstalledK0s`, in /usr/bin), and so is its unit: without ``--force`` `k0s install` stops with
"Init already exists". The version is that of the k0s inside the image, which alone decides what runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from imagekit.fleet.cluster import Cluster, ControlPlane
from imagekit.fleet.model import Role
from imagekit.provision.inputs import Inputs, ProvisionError
from imagekit.provision.instances import Instance
from imagekit.provision.names import GROUP
from imagekit.provision.objects import labels, made
from imagekit.provision.yamlout import Object

CAPI = "cluster.x-k8s.io"
CONTROL_PLANE = "controlplane.cluster.x-k8s.io"
BOOTSTRAP = "bootstrap.cluster.x-k8s.io"
INFRASTRUCTURE = "infrastructure.cluster.x-k8s.io"
_VERSION = "v1beta2"


def cluster_objects(inputs: Inputs, name: str, machines: Sequence[Instance]) -> list[Object]:
    """What makes the cluster itself. Raises `ProvisionError` where the images do not say which k0s they have."""
    cluster = inputs.fleet.clusters[name]
    version = k0s_version(name, machines)
    space, label = inputs.platform.namespace, labels(cluster=name)
    hosted = cluster.control_plane is ControlPlane.HOSTED
    plane = "K0smotronControlPlane" if hosted else "K0sControlPlane"
    network: Object = {
        "pods": {"cidrBlocks": [cluster.pods]},
        "services": {"cidrBlocks": [cluster.services_network]},
        "serviceDomain": "cluster.local",
    }
    spec: Object = {
        "clusterNetwork": network,
        "controlPlaneRef": {"apiGroup": CONTROL_PLANE, "kind": plane, "name": name},
        "infrastructureRef": {"apiGroup": INFRASTRUCTURE, "kind": "RemoteCluster", "name": name},
    }
    if cluster.endpoint is not None:
        spec["controlPlaneEndpoint"] = {"host": cluster.endpoint, "port": cluster.port}
    found = [
        made(f"{CAPI}/{_VERSION}", "Cluster", name, spec, namespace=space, label=label),
        made(f"{INFRASTRUCTURE}/{_VERSION}", "RemoteCluster", name, {}, namespace=space, label=label),
    ]
    if hosted:
        return [*found, _hosted(inputs, name, cluster, version), *_tokens(inputs, name, cluster)]
    return [*found, *_on_machines(inputs, name, cluster, version)]


def k0s_version(name: str, machines: Sequence[Instance]) -> str:
    """The newest k0s of a cluster's images: nodes may be older than their control plane, never newer.

    https://kubernetes.io/releases/version-skew-policy/
    """
    found = {each.release.k0s for each in machines}
    if None in found or not found:
        names = sorted({f"{each.release.image} {each.release.version}" for each in machines if not each.release.k0s})
        raise ProvisionError(
            f"cluster {name}: fleet/fleet.lock names no k0s inside {', '.join(names) or 'any image of it'}",
            hint="Its nodes need an image with the k0s layer; `imagekit provision lock` reads its version.",
        )
    return max((version for version in found if version is not None), key=_ordered)


def _ordered(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").replace("+k0s.", ".").split("."))


def _hosted(inputs: Inputs, name: str, cluster: Cluster, version: str) -> Object:
    spec: Object = {
        "version": version.replace("+", "-"),  # here it is the tag of an image, which has no plus
        "replicas": cluster.replicas,
        "service": {"type": "LoadBalancer", "apiPort": cluster.port, "konnectivityPort": 8132},
        "storage": {"type": "etcd"},
    }
    if cluster.endpoint is not None:
        spec["externalAddress"] = cluster.endpoint
    api = f"{CONTROL_PLANE}/{_VERSION}"
    label = labels(cluster=name)
    return made(api, "K0smotronControlPlane", name, spec, namespace=inputs.platform.namespace, label=label)


def _tokens(inputs: Inputs, name: str, cluster: Cluster) -> list[Object]:
    """A join token for nodes that no controller reaches over SSH; it ends, and only its Secret holds it."""
    if not cluster.join_tokens:
        return []
    spec = {"clusterName": name, "role": "worker", "expiry": cluster.token_expiry}
    space, label = inputs.platform.namespace, labels(cluster=name)
    api = f"k0smotron.io/{_VERSION}"
    return [made(api, "JoinTokenRequest", f"{name}-join", spec, namespace=space, label=label)]


def _on_machines(inputs: Inputs, name: str, cluster: Cluster, version: str) -> list[Object]:
    controllers = [node for node in inputs.fleet.members(name) if node.role is Role.CONTROLLER]
    if not controllers or len(controllers) % 2 == 0:
        raise ProvisionError(
            f"cluster {name} has {len(controllers)} controllers; etcd needs an odd number of them",
            hint="Give nodes `role: controller`, or `control_plane: hosted`.",
        )
    if cluster.endpoint is None:
        raise ProvisionError(f"cluster {name} has no `endpoint`", hint="Cluster API needs it for its machines.")
    pool = f"{name}-controllers"
    space, label = inputs.platform.namespace, labels(cluster=name)
    config = {
        "apiVersion": "k0s.k0sproject.io/v1beta1",
        "kind": "ClusterConfig",
        "metadata": {"name": "k0s"},
        "spec": {
            "api": {"sans": [cluster.endpoint]},
            "network": {"podCIDR": cluster.pods, "serviceCIDR": cluster.services_network},
        },
    }
    spec = {
        "version": version,
        "replicas": len(controllers),
        "updateStrategy": "RecreateDeleteFirst",
        "k0sConfigSpec": {**_inside(), "k0s": config},
        "machineTemplate": {
            "infrastructureRef": {
                "apiVersion": f"{INFRASTRUCTURE}/{_VERSION}",
                "kind": "RemoteMachineTemplate",
                "name": pool,
                "namespace": space,
            }
        },
    }
    return [
        made(f"{CONTROL_PLANE}/{_VERSION}", "K0sControlPlane", name, spec, namespace=space, label=label),
        _machine_template(inputs, name, pool),
    ]


def _machine_template(inputs: Inputs, cluster: str, pool: str) -> Object:
    spec = {"template": {"spec": {"pool": pool}}}
    api = f"{INFRASTRUCTURE}/{_VERSION}"
    space = inputs.platform.namespace
    return made(api, "RemoteMachineTemplate", pool, spec, namespace=space, label=labels(cluster=cluster))


def _inside() -> Object:
    """How k0s is started where it is part of the image."""
    return {
        "preInstalledK0s": True,
        "k0sInstallDir": "/usr/bin",
        "useSystemHostname": True,  # the node's own name: it joins domains and has records by it
        "args": ["--force"],
    }


def worker_objects(inputs: Inputs, name: str, machines: Sequence[Instance]) -> list[Object]:
    """The MachineDeployment of a pooled cluster, which takes its machines out of the pool."""
    cluster = inputs.fleet.clusters[name]
    # All of them, one that is between two machines too: fewer replicas would let Cluster API choose whom to remove.
    workers = [node for node in inputs.fleet.members(name) if node.role is Role.WORKER]
    if not cluster.pooled or not workers:
        return []
    pool = f"{name}-workers"
    space, label = inputs.platform.namespace, labels(cluster=name)
    chosen = {f"{CAPI}/cluster-name": name, f"{GROUP}/pool": pool}
    template = {
        "metadata": {"labels": chosen},
        "spec": {
            "clusterName": name,
            "version": k0s_version(name, machines),
            "bootstrap": {"configRef": {"apiGroup": BOOTSTRAP, "kind": "K0sWorkerConfigTemplate", "name": pool}},
            "infrastructureRef": {"apiGroup": INFRASTRUCTURE, "kind": "RemoteMachineTemplate", "name": pool},
        },
    }
    spec = {
        "clusterName": name,
        "replicas": len(workers),
        "selector": {"matchLabels": chosen},
        "rollout": {"strategy": {"type": "OnDelete"}},  # imagekit's waves replace machines, and nothing else does
        "template": template,
    }
    config = {"template": {"spec": {**_inside(), "version": k0s_version(name, machines)}}}
    return [
        made(f"{CAPI}/{_VERSION}", "MachineDeployment", pool, spec, namespace=space, label=label),
        made(f"{BOOTSTRAP}/{_VERSION}", "K0sWorkerConfigTemplate", pool, config, namespace=space, label=label),
        _machine_template(inputs, name, pool),
    ]


def node_objects(inputs: Inputs, machine: Instance) -> tuple[Object, ...]:
    """What lets one machine join: out of the pool of its cluster, or as a Machine of its own."""
    cluster = inputs.fleet.clusters[machine.cluster]
    controller = machine.node.role is Role.CONTROLLER
    if controller and cluster.control_plane is ControlPlane.HOSTED:
        raise ProvisionError(
            f"{machine.node.where}: {machine.node.name!r} is a controller, and {machine.cluster} has a hosted control "
            "plane",
            hint="Make it a worker, or give the cluster `control_plane: machines`.",
        )
    if controller or cluster.pooled:
        return (_pooled(inputs, cluster, machine, "controllers" if controller else "workers"),)
    return _single(inputs, cluster, machine)


def reach(inputs: Inputs, machine: Instance) -> str:
    """Where SSH finds a machine: its address, or its name where it gets one by DHCP."""
    if machine.addresses:
        return machine.addresses[0]
    if machine.node.zone is not None:
        return f"{machine.host}.{inputs.fleet.zones[machine.node.zone].name}"
    raise ProvisionError(
        f"{machine.node.where}: {machine.node.name!r} has neither an address nor a zone, so nothing can reach it",
        hint="Give `addresses`, or a `zone` in which DHCP enters its name.",
    )


def _remote(inputs: Inputs, cluster: Cluster, machine: Instance) -> Object:
    return {
        "address": reach(inputs, machine),
        "port": 22,
        "user": cluster.ssh_user,
        "useSudo": cluster.ssh_user != "root",
        "sshKeyRef": {"name": cluster.ssh_secret},
    }


def _label(machine: Instance) -> dict[str, str]:
    return labels(cluster=machine.cluster, node=machine.node.name, role=machine.node.role.value)


def _pooled(inputs: Inputs, cluster: Cluster, machine: Instance, pool: str) -> Object:
    spec = {"pool": f"{machine.cluster}-{pool}", "machine": _remote(inputs, cluster, machine)}
    return made(
        f"{INFRASTRUCTURE}/{_VERSION}",
        "PooledRemoteMachine",
        machine.name,
        spec,
        namespace=inputs.platform.namespace,
        label=_label(machine),
        image=machine.reference,
    )


def _single(inputs: Inputs, cluster: Cluster, machine: Instance) -> tuple[Object, ...]:
    space, label, image = inputs.platform.namespace, _label(machine), machine.reference
    version = k0s_version(machine.cluster, [machine])
    name = machine.name
    known = ",".join(f"{key}={value}" for key, value in sorted(node_labels(cluster, machine).items()))
    config = {**_inside(), "version": version, "args": ["--force", f"--labels={known}"]}
    spec = {
        "clusterName": machine.cluster,
        "version": version,
        "bootstrap": {"configRef": {"apiGroup": BOOTSTRAP, "kind": "K0sWorkerConfig", "name": name}},
        "infrastructureRef": {"apiGroup": INFRASTRUCTURE, "kind": "RemoteMachine", "name": name},
        "deletion": {"nodeDrainTimeoutSeconds": 600},
    }
    remote = _remote(inputs, cluster, machine)
    chosen = {**label, f"{CAPI}/cluster-name": machine.cluster}
    return (
        made(f"{CAPI}/{_VERSION}", "Machine", name, spec, namespace=space, label=chosen, image=image),
        made(f"{BOOTSTRAP}/{_VERSION}", "K0sWorkerConfig", name, config, namespace=space, label=label, image=image),
        made(f"{INFRASTRUCTURE}/{_VERSION}", "RemoteMachine", name, remote, namespace=space, label=label, image=image),
    )


def node_labels(cluster: Cluster, machine: Instance) -> dict[str, str]:
    """Labels of the Kubernetes node. They say nothing of the image: a node may rewrite its own labels."""
    return {f"{GROUP}/node": machine.node.name, **cluster.labels, **machine.node.labels}
