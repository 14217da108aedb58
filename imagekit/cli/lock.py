"""imagekit lock"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.app.packagelocks import Moves, Relocked
    from imagekit.config.model import Arch


@click.command("lock")
@click.argument("image", required=False)
@click.option("--update", is_flag=True, help="Look up again what is locked already: everything may move.")
@click.option("--only", multiple=True, metavar="PACKAGE", help="Let this package move, with what its source makes.")
@click.option("--security-only", is_flag=True, help="Let packages move that have a security update, by their origin.")
@click.option("--check", is_flag=True, help="Write nothing; say what would move. Exit code 1 when something would.")
@click.option("--push", is_flag=True, help="Push the bundle of locked packages and downloads to your registry.")
@click.option("--arch", type=click.Choice(["amd64", "arm64"]), help="This architecture alone; default: all declared.")
@click.option("--no-packages", is_flag=True, help="Digests and checksums in images.lock alone.")
@click.pass_obj
def command(
    app: App,
    image: str | None,
    update: bool,
    only: tuple[str, ...],
    security_only: bool,
    check: bool,
    push: bool,
    arch: str | None,
    no_packages: bool,
) -> int:
    """Write what IMAGE, or every image, is built from into images.lock and images/locks.

    Asks the registries for the digest of each tag in images.yaml, the publishers for the checksums of their files, and
    the distribution's package manager for every package, dependencies included. What is locked stays, unless it may
    move. The packages are kept in the work folder, so that `imagekit build --locked` needs no mirror. Nothing is
    written unless everything was found. Look at the change before you commit it: it decides what is in the next image.
    """
    from imagekit.app.packagelocks import Moves
    from imagekit.config.model import Arch

    if update and (only or security_only):
        raise click.UsageError("--update moves everything; leave it out to move only some packages")
    if no_packages and (only or security_only or push):
        raise click.UsageError("--no-packages leaves out what the other options are about")
    names = [app.image_name(image)] if image else list(app.project.images)
    chosen = Arch(arch) if arch else None
    # --check alone asks what would move if all may.
    every = update or (check and not only and not security_only)
    moves = Moves(update=every, only=frozenset(only), security=security_only)
    found = [] if no_packages else _relocked(app, names, chosen, moves)
    if check:
        return _checked(app, names, found, digests=every)
    _write(app, names, found, update)
    if push:
        _push(app, names, chosen)
    return 0


def _relocked(app: App, names: list[str], arch: Arch | None, moves: Moves) -> list[Relocked]:
    from imagekit.app.packagelocks import architectures, relock, require_lockable

    require_lockable(app.project, names)
    return [relock(app.project, name, one, moves) for name in names for one in architectures(app.project, name, arch)]


def _checked(app: App, names: list[str], found: list[Relocked], *, digests: bool) -> int:
    from imagekit.app.locking import refresh

    entries = refresh(app.project, names, update=True, write=False).entries if digests else {}
    for name, value in entries.items():
        say(f"{name} {app.project.lock.images.get(name) or app.project.lock.files.get(name) or 'nothing'} to {value}")
    for each in found:
        _tell(each)
        for part in each.stale:
            say(f"{each.new.image} {each.new.arch}: the lock does not fit: {part}")
    if entries or any(each.changed for each in found):
        return 1
    say("nothing would move")
    return 0


def _write(app: App, names: list[str], found: list[Relocked], update: bool) -> None:
    from imagekit.app.locking import refresh
    from imagekit.app.packagelocks import store_packages, write
    from imagekit.plan.lock import here

    for each in found:
        if each.new.arch == here():
            store_packages(app.project, each.new)
    entries = refresh(app.project, names, update=update).entries
    write(app.project, [each.new for each in found if each.changed])
    for name, value in entries.items():
        say(f"{name} {value}")
    for each in found:
        _tell(each)
    if not entries and not any(each.changed for each in found):
        say("nothing to change")


def _tell(each: Relocked) -> None:
    where = f"{each.new.image} {each.new.arch}"
    if each.old is None:
        say(f"{where}: {len(each.new.packages)} packages locked for the first time")
        return
    for moved in each.moved:
        say(f"{where}: {moved.text}")
    if each.changed and not each.moved:
        say(f"{where}: what is asked for changed, and no package with it")


def _push(app: App, names: list[str], arch: Arch | None) -> None:
    from imagekit.app.bundles import push_locked

    for reference in push_locked(app.project, names, arch):
        say(str(reference))
