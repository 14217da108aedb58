"""imagekit publish"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("publish")
@click.argument("image", required=False)
@click.pass_obj
def command(app: App, image: str | None) -> None:
    """Sign IMAGE's tested digest and give it its tag.

    Only what passed its tests as it stands now is published; a tag that names another digest is refused, one that
    names this digest already is left as it is.
    """
    from imagekit.app.publishing import publish_tested
    from imagekit.base.log import step
    from imagekit.machine.interface import DISKLESS

    with step("Publishing") as current:
        row = publish_tested(app.project, app.image_name(image), DISKLESS)
        current.note = "nothing to do, the tag is there" if row.already_there else row.reference
    say(f"{row.reference}@{row.digest}")
