"""The whole tree out of a fleet and vouched digests: pure, and byte for byte the same for the same inputs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from imagekit.fleet.cluster import ControlPlane, Manager, Strategy
from imagekit.provision import access, capi, dns, k0rdent, policies, upgrades, virtrigaud
from imagekit.provision.flux import Folder, flux_objects
from imagekit.provision.inputs import Inputs
from imagekit.provision.instances import Instance, instances
from imagekit.provision.nodeconfig import NodeConfigs
from imagekit.provision.objects import File, labels, made
from imagekit.provision.vouch import require_vouched
from imagekit.provision.yamlout import Object, document, documents

HEADER = "# Written by `imagekit provision render`; change the fleet files instead.\n"
INDEX = "nodes.jsonl"
_KUSTOMIZATION = "kustomization.yaml"
_BUILD_API = "kustomize.config.k8s.io/v1beta1"
Tree = dict[str, bytes]  # path from the top of the tree to content


def render(inputs: Inputs) -> Tree:
    """Every file of the tree, by its path. No clock, no network, no order of sets or dicts has a part in it.

    Raises `ProvisionError` where a digest may not reach a node or something is not said, `ConfigError` for mistakes.
    """
    require_vouched(inputs)
    machines = instances(inputs)
    by_cluster: dict[str, list[Instance]] = {}
    for each in machines:
        by_cluster.setdefault(each.cluster, []).append(each)
    files = _files(inputs, machines, dict(sorted(by_cluster.items())))
    tree = {f"{each.path}": (HEADER + documents(each.objects)).encode() for each in files if each.objects}
    folders = _folders(inputs, by_cluster, tree)
    flux = flux_objects(inputs, folders)
    if flux:
        # One of its Kustomizations is in the fleet's namespace, which has to be there before them.
        tree["flux/namespace.yaml"] = tree.pop("platform/namespace.yaml")
        tree["flux/flux.yaml"] = (HEADER + documents(flux)).encode()
    tree |= _kustomizations(tree, ["flux"] if flux else [each.path for each in folders if each.cluster is None])
    tree[INDEX] = index(machines)
    return dict(sorted(tree.items()))


def index(machines: Iterable[Instance]) -> bytes:
    """What each machine is meant to run, one a line: for `provision plan` and people, no part of what is applied."""
    lines = [
        {
            "node": each.node.name,
            "cluster": each.cluster,
            "digest": str(each.runs),
            "image": each.node.image,
            "machine": each.name,
            "retiring": each.retiring,
        }
        for each in machines
    ]
    return "".join(f"{json.dumps(line)}\n" for line in lines).encode()


def _files(inputs: Inputs, machines: list[Instance], by_cluster: Mapping[str, list[Instance]]) -> list[File]:
    platform = inputs.platform
    space = made("v1", "Namespace", platform.namespace, None, label=labels())
    files = [
        File("platform/namespace.yaml", (space,)),
        File("platform/access.yaml", tuple(access.access(inputs))),
        File("platform/policies.yaml", tuple(policies.machine_policies(inputs))),
        File("signatures/policy.yaml", tuple(policies.image_policy(inputs))),
        File("images/classes.yaml", tuple(virtrigaud.vm_classes(inputs))),
        *(File(f"images/{each['metadata']['name']}.yaml", (each,)) for each in virtrigaud.vm_images(inputs, machines)),
        File("dns/zones.yaml", tuple(dns.zones(inputs))),
        *_dns_files(inputs, machines),
    ]
    configs = NodeConfigs(inputs.cloud_configs)
    for name, members in by_cluster.items():
        files += _cluster_files(inputs, configs, name, members)
    return files


def _dns_files(inputs: Inputs, machines: list[Instance]) -> list[File]:
    """One file a node, so that a wave changes those of its nodes alone."""
    by_node: dict[str, list[Instance]] = {}
    for each in machines:
        by_node.setdefault(each.node.name, []).append(each)
    return [File(f"dns/node-{name}.yaml", tuple(dns.records(inputs, found))) for name, found in by_node.items()]


def _cluster_files(inputs: Inputs, configs: NodeConfigs, name: str, members: list[Instance]) -> list[File]:
    cluster = inputs.fleet.clusters[name]
    files: list[File] = []
    by_node: dict[str, list[Object]] = {}
    for each in members:
        by_node.setdefault(each.node.name, []).extend(virtrigaud.machine_objects(inputs, configs, each))
    files += [File(f"machines/{name}/node-{node}.yaml", tuple(found)) for node, found in by_node.items()]
    if cluster.manager is Manager.K0RDENT:
        files.append(File(f"clusters/{name}/cluster.yaml", tuple(k0rdent.cluster_objects(inputs, name, members))))
    else:
        objects = [*capi.cluster_objects(inputs, name, members), *capi.worker_objects(inputs, name, members)]
        files.append(File(f"clusters/{name}/cluster.yaml", tuple(objects)))
        joins: dict[str, list[Object]] = {}
        for each in members:
            joins.setdefault(each.node.name, []).extend(capi.node_objects(inputs, each))
        files += [File(f"clusters/{name}/node-{node}.yaml", tuple(found)) for node, found in joins.items()]
    if cluster.roll.strategy is Strategy.IN_PLACE:
        space = made("v1", "Namespace", policies.upgrades_namespace(name), None, label=labels())
        guards = (space, *policies.upgrade_policies(inputs, name))
        files.append(File(f"workload/{name}/policies.yaml", guards))
        files.append(File(f"workload/{name}/upgrades.yaml", tuple(upgrades.upgrades(inputs, name, members))))
    return files


def _folders(inputs: Inputs, clusters: Iterable[str], tree: Tree) -> list[Folder]:
    """The folders that the tree has, in the order in which they are applied."""
    found = [
        Folder("platform", own_account=False, wait=True),
        Folder("signatures", needs=("platform",), own_account=False),
        Folder("images", needs=("platform",)),  # not waited for: a VMImage becomes ready when a machine uses it
        Folder("dns", needs=("platform",)),
    ]
    for name in clusters:
        cluster = inputs.fleet.clusters[name]
        found += [
            Folder(f"machines/{name}", needs=("images",), wait=True),
            Folder(f"clusters/{name}", needs=("images",), checks=_checks(cluster.manager, cluster.control_plane, name)),
        ]
        if cluster.roll.strategy is Strategy.IN_PLACE:
            found.append(Folder(f"workload/{name}", needs=(f"clusters/{name}",), cluster=name))
    return [each for each in found if any(path.startswith(f"{each.path}/") for path in tree)]


def _checks(manager: Manager, plane: ControlPlane, name: str) -> tuple[tuple[str, str, str], ...]:
    if manager is Manager.K0RDENT:
        return ((k0rdent.API, "ClusterDeployment", name),)
    kind = "K0smotronControlPlane" if plane is ControlPlane.HOSTED else "K0sControlPlane"
    return (("cluster.x-k8s.io/v1beta2", "Cluster", name), ("controlplane.cluster.x-k8s.io/v1beta2", kind, name))


def _kustomizations(tree: Tree, top: list[str]) -> Tree:
    """kustomization.yaml of every folder that has files, and of the top, which names the folders that are applied."""
    folders: dict[str, list[str]] = {}
    for path in tree:
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, []).append(name)
    found = {f"{folder}/{_KUSTOMIZATION}": _kustomization(names) for folder, names in folders.items()}
    return {**found, _KUSTOMIZATION: _kustomization(top)}


def _kustomization(resources: list[str]) -> bytes:
    data = {"apiVersion": _BUILD_API, "kind": "Kustomization", "resources": sorted(resources)}
    return (HEADER + document(data)).encode()
