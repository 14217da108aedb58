"""imagekit provision schemas"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagekit.cli.app import App
from imagekit.cli.provisioncheck import SCHEMAS
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.provision.check.store import Schemas


@click.group("schemas")
def schemas() -> None:
    """Fetch and show the schemas that manifests are checked against."""


@schemas.command("fetch")
@SCHEMAS
@click.option("--from-cluster", is_flag=True, help="Take them from a live cluster instead of upstream releases.")
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Which cluster.  [default: as kubectl]")
@click.option("--context", default="", help="Which context of the kubeconfig.  [default: its current one]")
@click.pass_obj
def fetch(app: App, folder: Path | None, from_cluster: bool, kubeconfig: Path | None, context: str) -> None:
    """Fill the folder: pinned files of upstream releases, each held to its SHA-256, or all CRDs of a cluster.

    `mirrors` in imagekit.yaml says where else upstream's files are. The folder is replaced when all is there, and
    else left as it was.
    """
    from imagekit.app.manifests import schemas_folder
    from imagekit.provision.check.fetch import fetch_from_cluster, fetch_pinned
    from imagekit.provision.check.pins import read_pins

    target = schemas_folder(folder, app.work)
    if from_cluster:
        from imagekit.kube.client import session
        from imagekit.kube.kubeconfig import default_kubeconfig, read_kubeconfig

        with session(read_kubeconfig(kubeconfig or default_kubeconfig(), context)) as api:
            _tell(fetch_from_cluster(api, target))
        return
    _tell(fetch_pinned(read_pins(), target, app.work / "downloads", app.project.settings.mirrors))


@schemas.command("list")
@SCHEMAS
@click.pass_obj
def listed(app: App, folder: Path | None) -> None:
    """List the kinds that the folder has schemas of."""
    from imagekit.app.manifests import schemas_folder
    from imagekit.provision.check.store import load_schemas

    found = load_schemas(schemas_folder(folder, app.root / ".imagekit"))
    for each in sorted(found.kinds.values(), key=lambda one: (one.api_version, one.kind)):
        say(f"{each.api_version} {each.kind}{' (deprecated)' if each.deprecated else ''}")


def _tell(found: Schemas) -> None:
    say(f"{found.folder}: {len(found.kinds)} kinds")
