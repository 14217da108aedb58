"""A whole platform on loopback beside a clone: API server with the CRDs, Flux on the clone's own Git, BIND."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from imagekit.kube.client import Api, session
from imagekit.kube.local import api_server, find_programs
from imagekit.provision.check.server import make_crds
from imagekit.provision.check.store import load_schemas
from tests.support.bind import Bind, named_program, running
from tests.support.gitops import controllers, crd_folder, flux, git_server
from tests.support.manifests import schemas_folder

FLUX_SPACE = "flux-system"
# Kustomizations of these wait for nothing that nobody here is; those of clusters want kinds that not every folder has.
WATCHED = ("fleet-platform", "fleet-images", "fleet-dns", "fleet-machines-")


@dataclass(frozen=True)
class Lab:
    """What runs: `address` is the Git server that Flux reads."""

    api: Api
    bind: Bind
    address: str

    def take(self, tree: Path, *, branch: str = "main") -> None:
        """Let Flux apply a rendered tree of the branch, as whoever sets up Flux does once."""
        text = (tree / "flux" / "flux.yaml").read_bytes()
        for each in flux_objects(text, self.address, branch=branch):
            self.api.apply(each, force=True)


@contextmanager
def lab(repository: Path, folder: Path, kubeconfig: Path) -> Iterator[Lab]:
    """All of it for the time of the block; `repository` is a bare repository or a .git folder, which is only read."""
    controllers()
    (folder / "bind").mkdir()
    with ExitStack() as stack:
        cluster = stack.enter_context(api_server(folder, find_programs()))
        api = stack.enter_context(session(cluster.access))
        bind = stack.enter_context(running(folder / "bind", named_program()))
        schemas = load_schemas(schemas_folder())
        extra = [each for path in sorted(crd_folder().glob("*.yaml")) for each in yaml.safe_load_all(path.read_text())]
        make_crds(api, [*schemas.crds, *extra])
        for name in (FLUX_SPACE, "fleet"):
            api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, force=True)
        cluster.kubeconfig(kubeconfig)
        address = stack.enter_context(git_server(repository))
        stack.enter_context(flux(cluster, folder))
        yield Lab(api, bind, address)


def flux_objects(text: bytes, address: str, *, branch: str = "main") -> list[dict[str, Any]]:
    """The rendered ones, with the Git server of the test, and without waiting for machines that no controller makes."""
    made = []
    for each in yaml.safe_load_all(text):
        if each["kind"] == "GitRepository":
            each["spec"] |= {"url": address, "interval": "1s", "ref": {"branch": branch}}
            each["spec"].pop("verify", None)
            each["spec"].pop("secretRef", None)
        elif not each["metadata"]["name"].startswith(WATCHED):
            continue
        else:
            each["spec"] |= {"wait": False, "timeout": "30s", "retryInterval": "2s"}
            each["spec"].pop("healthChecks", None)
        made.append(each)
    return made
