"""imagekit provision check, imagekit provision rules"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say

SCHEMAS = click.option(
    "--schemas",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of schemas.  [default: IMAGEKIT_SCHEMAS, else .imagekit/schemas]",
)


@click.command("check")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@SCHEMAS
@click.option("--external", multiple=True, metavar="KIND/NAME", help="An object that others apply; repeatable.")
@click.option("--without-ledger", is_flag=True, help="Do not ask this project which digests were withdrawn.")
@click.option("--apiserver", is_flag=True, help="Also ask a real kube-apiserver, started for it and ended after it.")
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Also ask this live cluster, by dry run alone.")
@click.option("--context", default="", help="Which context of the kubeconfig.  [default: its current one]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(
    ctx: click.Context,
    paths: tuple[Path, ...],
    folder: Path | None,
    external: tuple[str, ...],
    without_ledger: bool,
    apiserver: bool,
    kubeconfig: Path | None,
    context: str,
    as_json: bool,
) -> None:
    """Check manifests: folders or files, by default the folder provision.

    Schemas of their kinds, references, zones and addresses, sources and checksums, secrets in the clear, withdrawn
    digests, and more (`imagekit provision rules`). With --apiserver, or --kubeconfig, everything is also given to a
    real API server as a dry run. Exit code 1 when there is an error, or no object at all.
    """
    from imagekit.app.manifests import asked_server, check_manifests, schemas_folder
    from imagekit.kube.local import starting
    from imagekit.provision.check.show import render_json, render_text
    from imagekit.provision.check.store import load_schemas

    app: App = ctx.obj
    project = None if without_ledger else app.project
    places = paths or (app.root / "provision",)
    with ExitStack() as stack:
        server = stack.enter_context(starting(app.work)) if apiserver and kubeconfig is None else None
        found = load_schemas(schemas_folder(folder, app.root / ".imagekit"))
        report = check_manifests(places, found, project=project, external=external)
        if kubeconfig is not None or server is not None:
            report = asked_server(places, report, found, server=server, kubeconfig=kubeconfig, context=context)
    say(render_json(report) if as_json else render_text(report))
    ctx.exit(0 if report.good else 1)


@click.command("rules")
def rules() -> None:
    """Print every rule of the check: what it sees, why it matters, what to do."""
    from imagekit.provision.check.show import rules_page

    say(rules_page(), nl=False)
