"""imagekit lock"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("lock")
@click.argument("image", required=False)
@click.option("--update", is_flag=True, help="Look up again what is locked already.")
@click.pass_obj
def command(app: App, image: str | None, update: bool) -> None:
    """Write the digests that IMAGE, or every image, is built from into images.lock.

    Asks the registries for the digest of each tag in images.yaml and the publishers for the checksums of their files.
    Look at the change before you commit it: it decides what is in the next image.
    """
    from imagekit.app.locking import refresh

    names = [app.image_name(image)] if image else list(app.project.images)
    changes = refresh(app.project, names, update=update).entries
    for name, value in changes.items():
        say(f"{name} {value}")
    if not changes:
        say("nothing to change")
