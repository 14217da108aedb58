"""imagekit retention"""

from __future__ import annotations

import click

from imagekit.cli.app import App


@click.command("retention")
@click.argument("image", required=False)
@click.option("--plan/--apply", "only_plan", default=True, help="Show what would go, or remove it.  [default: plan]")
@click.option("--last", type=click.IntRange(min=1), default=5, show_default=True, help="Good versions kept everywhere.")
@click.option("--by", "actor", default="", help="Who decides.  [default: git's user.email]")
@click.pass_obj
def command(app: App, image: str | None, only_plan: bool, last: int, actor: str) -> None:
    """Show or remove versions that nothing needs any more.

    Never removed: what a channel points at or holds back, what a fleet file names, the last good ones of each
    repository. What is removed is recorded in the ledger first.
    """
    from imagekit.app.desk import homes_of, open_desk, pinned_by, pointed_by
    from imagekit.release.channel.fleet import read_fleet
    from imagekit.release.channel.retention import plan_retention
    from imagekit.release.channel.retire import retire
    from imagekit.release.channel.table import versions

    name = app.image_name(image)
    with open_desk(app.project, actor=actor) as desk:
        fates = plan_retention(
            versions(desk, homes_of(app.project, desk, name)),
            last=last,
            pointed=pointed_by(desk, name),
            pinned=pinned_by(read_fleet(desk.store.root), name),
        )
        for fate in fates:
            click.echo(f"{'keep  ' if fate.keep else 'remove'}  {fate.version.reference}  {fate.why}")
        if only_plan:
            return
        gone = retire(desk, name, fates)
    click.echo(f"{len(gone)} removed; the registry frees their blobs at its next garbage collection")
