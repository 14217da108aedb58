"""Nodes as a Kubernetes API server has them.

A node writes its own labels and annotations with its own certificate, so this is the node's word, not the cluster's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from imagekit.base.errors import ToolError
from imagekit.kube.client import Api
from imagekit.observe.model import Observation, Source, digest_in, word

IMAGE_ANNOTATION = "imagekit.dev/oci-image"
VERSION_LABEL = "kairos.io/version"
MODE_LABEL = "kairos.io/boot-state"
_PAGE = "100"  # nodes an answer
_MOST_PAGES = 1000


def observe_cluster(api: Api, *, at: int, observer: str) -> Iterator[Observation]:
    """Every node of a cluster, page by page; raises `ToolError` when the API server cannot be asked."""
    more = ""
    for _ in range(_MOST_PAGES):
        page = api.get("/api/v1/nodes", limit=_PAGE, **({"continue": more} if more else {}))
        if not isinstance(page, dict) or not isinstance(page.get("items"), list):
            raise ToolError(f"{api.server} does not answer with a list of nodes", hint="Is it a Kubernetes API server?")
        for item in page["items"]:
            found = observation_of(item, at=at, where=api.server, observer=observer)
            if found is not None:
                yield found
        more = str(_part(page, "metadata").get("continue") or "")
        if not more:
            return
    raise ToolError(f"{api.server} lists nodes without an end")


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
