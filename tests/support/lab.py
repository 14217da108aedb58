"""A whole platform on loopback beside a clone: API server with the CRDs, Flux on the clone's own Git, BIND."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagekit.bench.fluxlab import SPACE, flux, flux_objects, git_server
from imagekit.kube.client import Api, session
from imagekit.kube.local import api_server, find_programs
from imagekit.provision.check.server import make_crds
from imagekit.provision.check.store import load_schemas
from tests.support.bind import Bind, named_program, running
from tests.support.gitops import flux_crds, require_controllers
from tests.support.manifests import schemas_folder


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


def require_programs() -> None:
    """All that the platform is made of, or the end of the test before its first minute."""
    require_controllers()
    named_program()
    find_programs()


@contextmanager
def lab(repository: Path, folder: Path, kubeconfig: Path) -> Iterator[Lab]:
    """All of it for the time of the block; `repository` is a bare repository or a .git folder, which is only read."""
    require_programs()
    (folder / "bind").mkdir()
    with ExitStack() as stack:
        cluster = stack.enter_context(api_server(folder, find_programs()))
        api = stack.enter_context(session(cluster.access))
        bind = stack.enter_context(running(folder / "bind", named_program()))
        schemas = load_schemas(schemas_folder())
        make_crds(api, [*schemas.crds, *flux_crds()])
        for name in (SPACE, "fleet"):
            api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, force=True)
        cluster.kubeconfig(kubeconfig)
        address = stack.enter_context(git_server(repository))
        stack.enter_context(flux(cluster, folder))
        yield Lab(api, bind, address)
