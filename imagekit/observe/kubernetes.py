"""Nodes as a Kubernetes API server has them.

A node writes its own labels and annotations with its own certificate, so this is the node's word, not the cluster's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import urllib3

from imagekit.base.errors import ToolError
from imagekit.base.strictjson import read_object
from imagekit.base.text import answered, one_line
from imagekit.observe.kubeconfig import Cluster
from imagekit.observe.model import Observation, Source, digest_in, word

IMAGE_ANNOTATION = "imagekit.dev/oci-image"
VERSION_LABEL = "kairos.io/version"
MODE_LABEL = "kairos.io/boot-state"
_PAGE = 100  # nodes an answer
_MOST_PAGES = 1000
_LIMIT = 64 << 20  # bytes an answer; a node object with its images has some 50 KB
_NAMES = frozenset({"annotations", "labels", "f:labels", "f:annotations", "managedFields", "capacity", "allocatable"})


def observe_cluster(cluster: Cluster, *, at: int, observer: str, timeout: float = 30.0) -> Iterator[Observation]:
    """Every node of a cluster, page by page; raises `ToolError` when the API server cannot be asked."""
    with urllib3.PoolManager(ssl_context=cluster.context, retries=False, timeout=timeout) as pool:
        more = ""
        for _ in range(_MOST_PAGES):
            page = _page(pool, cluster, more)
            for item in page.get("items") or ():
                found = observation_of(item, at=at, where=cluster.server, observer=observer)
                if found is not None:
                    yield found
            more = str((page.get("metadata") or {}).get("continue") or "")
            if not more:
                return
    raise ToolError(f"{cluster.server} lists nodes without an end")


def _page(pool: urllib3.PoolManager, cluster: Cluster, more: str) -> dict[str, Any]:
    headers = {"Accept": "application/json", **({"Authorization": f"Bearer {cluster.token}"} if cluster.token else {})}
    try:
        answer = pool.request(
            "GET",
            f"{cluster.server}/api/v1/nodes",
            fields={"limit": str(_PAGE), **({"continue": more} if more else {})},
            headers=headers,
            redirect=False,
            preload_content=False,
        )
        data = answer.read(_LIMIT + 1)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ToolError(f"{cluster.server} cannot be asked: {one_line(answered(str(error)))}") from None
    if answer.status != 200:
        told = one_line(answered(data[:2000].decode("utf-8", "replace")))
        raise ToolError(
            f"{cluster.server} answers {answer.status} for its nodes: {told}",
            hint="The account needs `get` and `list` of nodes.",
        )
    return read_object(data, f"the nodes of {cluster.server}", maps=_NAMES, limit=_LIMIT)


def observation_of(item: object, *, at: int, where: str, observer: str) -> Observation | None:
    """A Node object as an observation; None for what has no name."""
    node = item if isinstance(item, dict) else {}
    metadata, info = _part(node, "metadata"), _part(_part(node, "status"), "nodeInfo")
    labels, notes = _part(metadata, "labels"), _part(metadata, "annotations")
    if not metadata.get("name"):
        return None
    return Observation(
        node=word(metadata["name"]),
        at=at,
        source=Source.KUBERNETES,
        where=word(where),
        observer=word(observer),
        digest=digest_in(str(notes.get(IMAGE_ANNOTATION) or "")),
        version=word(labels.get(VERSION_LABEL) or ""),
        boot=word(info.get("bootID") or ""),
        machine=word(info.get("machineID") or ""),
        mode=word(labels.get(MODE_LABEL) or ""),
        system=word(info.get("osImage") or ""),
    )


def _part(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = fields.get(name)
    return found if isinstance(found, dict) else {}
