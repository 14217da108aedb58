"""imagekit provision lock"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("lock")
@click.argument("digests", nargs=-1)
@click.option("--refresh", is_flag=True, help="Look up again what is locked already.")
@click.pass_obj
def lock(app: App, digests: tuple[str, ...], refresh: bool) -> None:
    """Write what is inside the digests that nodes run, and DIGESTS, into fleet/fleet.lock.

    Each is verified, and must say of itself that it is the version that the ledger calls it: k0s, architecture and
    distribution come from its release file, checksums of disks from artifacts that a trusted key signed.
    """
    from imagekit.app.fleetlock import locked
    from imagekit.app.provisioning import fleet_root
    from imagekit.base.files import write_whole
    from imagekit.oci.reference import Digest
    from imagekit.provision.lockfile import LOCK_PATH, lock_text

    found = locked(app.project, [Digest(text) for text in digests], refresh=refresh)
    path = fleet_root(app.project) / LOCK_PATH
    path.parent.mkdir(exist_ok=True)
    write_whole(path, lock_text(found))
    for digest, release in found.releases.items():
        say(f"{release.image} {release.version}  {digest}  {', '.join(sorted(release.disks)) or 'no disk'}")
