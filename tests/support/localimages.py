"""Images in files that containerd imports, or pushed to a registry, and pods of them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagekit.artifact.programs import busybox
from imagekit.kube.client import Api
from imagekit.oci.manifest import Descriptor
from imagekit.oci.reference import MEDIA_TYPE_MANIFEST, Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.transfer import push_image
from tests.support.layout import directory, layer, member, symlink

PAUSE = "quay.io/k0sproject/pause:3.10.1"  # what k0s of the declared version puts into each pod
PORT = 8080
_SHELL = ("/bin/busybox", "sh", "-c")
_LAYER, _CONFIG = "application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.config.v1+json"


@dataclass(frozen=True)
class LocalImage:
    """An image in a file that containerd imports; no registry has it unless it is pushed there."""

    reference: str
    digest: str
    file: bytes


def pause_image() -> LocalImage:
    """What holds a pod's name spaces, under the name that k0s has for it."""
    return _local_image(PAUSE, "busybox sleep 999999999")


def serving_image(name: str, page: str) -> LocalImage:
    """A web server with one page; it is known by its digest alone."""
    return _local_image(name, f"busybox httpd -f -p {PORT} -h /srv", page, by_digest=True)


def _local_image(name: str, command: str, page: str = "", *, by_digest: bool = False) -> LocalImage:
    """A static busybox that runs a command until SIGTERM, which the first process of a container ignores otherwise."""
    binary = busybox()
    content = layer(
        *(directory("bin"), member("bin/busybox", binary.read_bytes(), mode=0o755), symlink("bin/sh", "busybox")),
        *(directory("srv"), member("srv/index.html", page.encode()), directory("tmp", 0o1777)),
    )
    stored = Descriptor.of(content, _LAYER)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": [*_SHELL, f"trap 'exit 0' TERM; {command} & wait"], "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [str(stored.digest)]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MEDIA_TYPE_MANIFEST,
            "config": Descriptor.of(config, _CONFIG).to_json(),
            "layers": [stored.to_json()],
        }
    ).encode()
    named = Descriptor.of(manifest, MEDIA_TYPE_MANIFEST)
    reference = f"{name}@{named.digest}" if by_digest else name
    listed = {**named.to_json(), "annotations": {"io.containerd.image.name": reference}}
    index = json.dumps({"schemaVersion": 2, "manifests": [listed]}).encode()
    blobs = [(str(Descriptor.of(data, "").digest).replace(":", "/"), data) for data in (content, config, manifest)]
    file = layer(
        member("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
        member("index.json", index),
        *(member(f"blobs/{path}", data) for path, data in blobs),
    )
    return LocalImage(reference, str(named.digest), file)


def push(image: LocalImage, address: str, repository: str, layout: Path) -> None:
    """Bring it into a registry without TLS, known by its digest there; `layout` is made."""
    with tarfile.open(fileobj=io.BytesIO(image.file)) as archive:
        archive.extractall(layout, filter="data")
    with Registry(address) as client:
        push_image(layout, Digest(image.digest), Reference(address, repository), client)


def ask_for_pods(api: Api, image: LocalImage, node: str) -> None:
    """One pod that says its marker and ends, and one that serves it."""
    says = "busybox tee /dev/termination-log </srv/index.html && echo"
    probe = {"httpGet": {"path": "/", "port": PORT}, "timeoutSeconds": 20}
    ask_for_a_pod(api, "ends", image.reference, node, restart="Never", command=[*_SHELL, says])
    ask_for_a_pod(api, "serves", image.reference, node, readinessProbe=probe)


def ask_for_a_pod(
    api: Api, name: str, image: str, node: str, *, pull: str = "Never", restart: str = "Always", **container: object
) -> None:
    """A pod with one container, bound to the node, for there is no scheduler."""
    spec = {
        "nodeName": node,
        "restartPolicy": restart,
        "automountServiceAccountToken": False,
        "containers": [{"name": "main", "image": image, "imagePullPolicy": pull, **container}],
    }
    api.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": spec})


def true(item: Mapping[str, Any], condition: str) -> bool:
    """Whether a node, or a pod, has a condition."""
    seen = {each["type"]: each["status"] for each in item["status"].get("conditions", ())}
    return seen.get(condition) == "True"
