"""imagekit provision apply"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.app.applying import Applied
    from imagekit.config.load import Project
    from imagekit.provision.machines.wanted import Object

_MARKS = {"make": "+", "define": "+", "start": "~", "stop": "~", "remove": "-", "unchanged": "=", "differs": "!"}


@click.command("apply")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--target", type=click.Choice(["libvirt"]), required=True, help="The hypervisor.")
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Take the objects of a cluster, as Flux applied them, instead of files.",
)
@click.option("--context", default="", help="Context of the kubeconfig.  [default: its current one]")
@click.option("--namespace", default="fleet", show_default=True, help="Namespace of the objects in the cluster.")
@click.option("--node", "nodes", multiple=True, help="Only the machines of this node; repeatable.")
@click.option("--network", default="", help="A network of libvirt's.  [default: one of QEMU's own for each machine]")
@click.option("--prune", is_flag=True, help="Remove machines that were made here and that nothing asks for any more.")
@click.option("--recreate", is_flag=True, help="Make machines anew whose class or cloud-config changed.")
@click.option("--destroy", "gone", is_flag=True, help="Remove every machine that was made here.")
@click.option("--wait", type=click.IntRange(1, 7200), metavar="SECONDS", help="Wait until each answers by SSH.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
@click.pass_context
def apply(
    ctx: click.Context,
    paths: tuple[Path, ...],
    target: str,
    kubeconfig: Path | None,
    context: str,
    namespace: str,
    nodes: tuple[str, ...],
    network: str,
    prune: bool,
    recreate: bool,
    gone: bool,
    wait: int | None,
    dry_run: bool,
) -> None:
    """Make the machines of the rendered VirtualMachine objects on a hypervisor at hand.

    Each comes from the published digest that its objects name: signature verified, not withdrawn, the disk that a
    trusted key signed beside it. Twice the same changes nothing. Machines that were not made here are never touched.
    Exit code 1 where a machine stays other than it is wanted.
    """
    from imagekit.app.applying import Asked, destroy
    from imagekit.app.applying import apply as applied

    app: App = ctx.obj
    asked = Asked(
        nodes=frozenset(nodes),
        prune=prune,
        recreate=recreate,
        dry_run=dry_run,
        network=network,
        settling=kubeconfig is not None,
    )
    if gone:
        if paths or kubeconfig or prune or recreate or wait:
            raise click.UsageError("--destroy goes with --node and --dry-run alone")
        done = destroy(app.project, asked)
    else:
        done = applied(app.project, _objects(app.project, paths, kubeconfig, context, namespace), asked)
    _tell(done, dry_run=dry_run)
    if wait and not dry_run:
        from imagekit.app.machinehealth import wait_for_login

        wait_for_login(app.project, done, seconds=wait)
    ctx.exit(1 if done.differs else 0)


def _objects(
    project: Project, paths: tuple[Path, ...], kubeconfig: Path | None, context: str, namespace: str
) -> list[Object]:
    from imagekit.app.applying import objects_in, objects_of, rendered_folder

    if kubeconfig is None:
        return objects_of(paths or (rendered_folder(project),))
    if paths:
        raise click.UsageError("name files, or a cluster by --kubeconfig")
    return objects_in(kubeconfig, context, namespace)


def _tell(done: Applied, *, dry_run: bool) -> None:
    for each in done.steps:
        mark = _MARKS.get(each.action.value, "?")
        say(f"{mark} {each.name}  {each.action}{f'  ({each.why})' if each.why else ''}")
    for name in done.dropped:
        say(f"- disk {name}")
    if done.others:
        say(f"{len(done.others)} machines of other hypervisors are left alone", err=True)
    would = " would be" if dry_run else ""
    say(f"{len(done.steps)} machines, {done.changes}{would} changed", err=True)
