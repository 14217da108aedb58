"""imagekit provision dns"""

from __future__ import annotations

from pathlib import Path

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say

_PATHS = click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
_SERVER = click.option("--server", required=True, metavar="HOST[:PORT]", help="The zones' primary name server.")


@click.group("dns")
def dns() -> None:
    """Bring the rendered zones and records to a name server, and compare."""


@dns.command("check")
@_PATHS
@_SERVER
@click.pass_context
def check(ctx: click.Context, paths: tuple[Path, ...], server: str) -> None:
    """Tell what a name server says otherwise than the manifests; exit code 1 if anything."""
    from imagekit.provision.check.reading import read_tree
    from imagekit.provision.nameserver.apply import differences
    from imagekit.provision.nameserver.desired import desired
    from imagekit.provision.nameserver.server import NameServer

    app: App = ctx.obj
    zones = desired(read_tree(paths or (app.root / "provision",)))
    found = [each for zone in zones for each in differences(NameServer.parse(server), zone)]
    for each in found:
        say(each.described())
    total = sum(len(zone.sets) for zone in zones)
    say(f"{total} sets of records in {len(zones)} zones: {len(found)} differ")
    ctx.exit(1 if found else 0)


@dns.command("apply")
@_PATHS
@_SERVER
@click.option("--key", required=True, type=click.Path(path_type=Path), help="TSIG key, as tsig-keygen writes it.")
@click.option(
    "--previous",
    type=click.Path(path_type=Path),
    help="The manifests as they were last: what is gone since is removed, if nobody changed it.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would change, and change nothing.")
@click.pass_obj
def apply(app: App, paths: tuple[Path, ...], server: str, key: Path, previous: Path | None, dry_run: bool) -> None:
    """Make a name server say what the manifests say, by signed dynamic updates (RFC 2136, TSIG).

    Each zone's update is taken whole or not at all, and looked at afterwards. Names that the manifests do not have are
    left alone.
    """
    from imagekit.provision.check.reading import read_tree
    from imagekit.provision.nameserver.apply import apply, differences
    from imagekit.provision.nameserver.desired import desired
    from imagekit.provision.nameserver.key import read_key
    from imagekit.provision.nameserver.server import NameServer

    zones = desired(read_tree(paths or (app.root / "provision",)))
    before = desired(read_tree([previous])) if previous is not None else []
    to, signed = NameServer.parse(server), read_key(key)
    earlier = {each.name: each for each in before}
    found = [each for zone in zones for each in differences(to, zone, earlier.get(zone.name))] if dry_run else None
    made = apply(to, zones, signed, before) if found is None else found
    for each in made:
        say(each.described())
    say(f"{len(made)} sets of records {'would change' if dry_run else 'changed'} in {len(zones)} zones")


@dns.command("zones")
@_PATHS
@click.option("--bindcar", required=True, metavar="URL", help="Address of bindcar.")
@click.option("--token-file", type=click.Path(path_type=Path), help="File with the token that bindcar knows.")
@click.option("--create", is_flag=True, help="Make the zones that are missing.")
@click.option("--delete", "doomed", multiple=True, metavar="ZONE", help="Remove this zone, which no manifest has.")
@click.pass_context
def zones(
    ctx: click.Context,
    paths: tuple[Path, ...],
    bindcar: str,
    token_file: Path | None,
    create: bool,
    doomed: tuple[str, ...],
) -> None:
    """Show, make and remove zones through bindcar; exit code 1 if a zone of the manifests is missing."""
    from imagekit.app.manifests import manage_zones

    app: App = ctx.obj
    rows = manage_zones(paths or (app.root / "provision",), bindcar, token_file, create=create, doomed=doomed)
    for name, state in rows:
        say(f"{name}  {state}")
    ctx.exit(1 if any(state == "missing" for _, state in rows) else 0)
