"""Nodes that upgrade themselves: the Kairos operator (operator.kairos.io/v1alpha1, v0.1.3) in their own cluster.

It compares versions and not digests, which is why no version may name two of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from imagekit.fleet.cluster import Strategy
from imagekit.oci.reference import Digest
from imagekit.provision.inputs import Inputs
from imagekit.provision.instances import Instance
from imagekit.provision.objects import labels, made
from imagekit.provision.policies import upgrades_namespace
from imagekit.provision.vouch import release_for
from imagekit.provision.yamlout import Object


def upgrades(inputs: Inputs, name: str, machines: Sequence[Instance]) -> list[Object]:
    """One NodeOpUpgrade for each run of nodes that upgraded themselves; a run is never edited.

    The name holds the run, the digest and the nodes, so that a run with other nodes is another object.
    """
    if inputs.fleet.clusters[name].roll.strategy is not Strategy.IN_PLACE:
        return []
    runs: dict[tuple[str, str], list[Instance]] = {}
    for each in machines:
        if each.node.upgrade is not None:
            runs.setdefault((each.node.upgrade, str(each.runs)), []).append(each)
    found = []
    for (run, digest), members in sorted(runs.items()):
        hosts = sorted(each.host for each in members)
        vouched, _ = release_for(inputs, members[0].node, Digest(digest))
        nodes = Digest.of(" ".join(hosts).encode())
        spec = {
            "image": str(vouched.reference),
            "concurrency": 1,  # 0, its default, is all nodes at once
            "stopOnFailure": True,
            "upgradeActive": True,
            "nodeSelector": {
                "matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": hosts}]
            },
        }
        title = f"{name}-{run}-{Digest(digest).short}-{nodes.short[:6]}"[-63:].lstrip("-")
        space, label = upgrades_namespace(name), labels(cluster=name)
        api, image = "operator.kairos.io/v1alpha1", str(vouched.reference)
        found.append(made(api, "NodeOpUpgrade", title, spec, namespace=space, label=label, image=image))
    return found
