"""imagekit issues"""

from __future__ import annotations

from pathlib import Path

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("issues")
@click.argument("nights", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--repository", envvar="GITHUB_REPOSITORY", required=True, metavar="OWNER/NAME", help="Where they are kept."
)
@click.option("--base", metavar="BRANCH", help="Offer branches with a new lock as pull requests against this one, too.")
@click.pass_obj
def command(app: App, nights: tuple[Path, ...], repository: str, base: str | None) -> None:
    """Keep one GitHub issue for each root cause that NIGHTS found.

    NIGHTS are folders that `imagekit drift` left (.imagekit/nights, or artifacts of its jobs). An issue is made once,
    brought up to date every night, and closed by a night that is good. Asks GitHub through the gh program.
    """
    from imagekit.drift.github import GitHub
    from imagekit.drift.issues import keep_issues, offer_updates, read_asked

    hub, asked = GitHub(repository), read_asked(nights)
    done = keep_issues(hub, asked)
    if base:
        offer_updates(hub, asked, base, done)
    say("\n".join(done.lines) or "every issue is as it should be")
