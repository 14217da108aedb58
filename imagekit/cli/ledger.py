"""imagekit ledger"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.release.channel.repair import Repaired

_by = click.option("--by", "actor", default="", help="Who decides.  [default: git's user.email]")


@click.group("ledger")
def command() -> None:
    """Look at the ledger itself, and repair it."""


@command.command("show")
@click.pass_context
def show(ctx: click.Context) -> None:
    """Show how long the ledger is, the hash of its last record, and what vouches for each; exit code 1 if it is broken.

    Unlike `imagekit history` it shows what can be read of a ledger that does not verify.
    """
    from imagekit.app.context import open_release_context

    app: App = ctx.obj
    with open_release_context(app.project, decides=False) as context:
        chain, problem = context.emergency_chain(fresh=True)
        lost = context.store.lost()
    for entry in chain.entries:
        record = entry.record
        say(f"{record.sequence:>4}  {entry.hash[:12]}  {record.action} {record.channel} {record.version}".rstrip())
        say(f"      by {record.actor}; {entry.standing}")
    for each in lost:
        say(f"gone  {each.path}, {each.where} has it")
    say(f"{len(chain.entries)} records, head {chain.head or 'none'}")
    if problem:
        say(f"NOT VERIFIED  {problem}")
    ctx.exit(1 if problem else 0)


@command.command("rebase")
@click.argument("onto")
@_by
@click.pass_obj
def rebase(app: App, onto: str, actor: str) -> None:
    """Make the decisions of this branch again after the last record of ONTO, such as origin/main.

    Two decisions that were made from one commit have the same number, and git cannot merge the second; this gives it
    the next one, signed anew, in one more commit of this branch. After two were merged all the same (by an older
    imagekit) ONTO is HEAD^1.
    """
    from imagekit.app.context import open_release_context
    from imagekit.release.channel.repair import rebase

    with open_release_context(app.project, actor=actor) as context:
        _tell(rebase(context, onto), f"nothing to do: {onto} has every record of this branch")


@command.command("seal")
@click.option("--head", required=True, help="Hash of the last record, as `imagekit ledger show` prints it.")
@click.option("--reason", required=True, help="What was looked at, and why it is right; it goes into the ledger.")
@_by
@click.pass_obj
def seal(app: App, head: str, reason: str, actor: str) -> None:
    """Vouch, as a person who looked at them, for records that nothing else vouches for any more.

    It makes up for a lost key, for records that were taken away and are to stay away, and for channel files that an
    older imagekit wrote. It signs a record of its own; a broken chain it does not mend.
    """
    from imagekit.app.context import open_release_context
    from imagekit.release.channel.repair import seal

    with open_release_context(app.project, actor=actor) as context:
        _tell(seal(context, head, reason=reason), "")


def _tell(done: Repaired, nothing: str) -> None:
    for record in done.made:
        what = " ".join(filter(None, (record.action, record.channel, record.image, record.version)))
        say(f"record   ledger/{record.file_name}: {what}")
    say(f"commit   {done.commit[:12]}" if done.made else nothing)
