"""imagekit change"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.group("change")
def command() -> None:
    """Ask for the change record of REF, or go without one in an emergency.

    A channel's policy may demand a change record that names the exact digest, is open and carries its approvals.
    """


@command.command("show")
@click.argument("reference")
@click.argument("change")
@click.option("--channel", required=True, help="Channel whose policy names the change system.")
@click.pass_context
def show(ctx: click.Context, reference: str, change: str, channel: str) -> None:
    """Show how the record CHANGE stands for REF in a channel; nothing is decided or kept.

    Exit code 1 when it does not satisfy the policy.
    """
    from imagekit.app.context import named
    from imagekit.app.release import registry_client
    from imagekit.app.trusted import gate_of
    from imagekit.trust.finding import Requirement

    app: App = ctx.obj
    target = named(app.project, reference)
    with registry_client(app.project, target.registry) as client:
        decision = gate_of(app.project, client, target, channel, change=change)
    record = decision.change
    if record is not None:
        say(f"{record.id}  {record.state}  {record.title}".rstrip())
        for digest in record.digests:
            say(f"  digest    {digest}")
        for approval in record.approvals:
            say(f"  approved  {approval.person}")
        say(f"  {record.url}" if record.url else f"  by {record.provider}")
    asked = [each for each in decision.findings if each.requirement is Requirement.CHANGE and not each.image]
    for each in asked:
        say(f"{each.status}  {each.reason}")
    if not asked:
        say(f"{channel} demands no change record")
    ctx.exit(0 if all(each.status != "unsatisfied" for each in asked) else 1)


@command.command("emergency")
@click.argument("reference")
@click.option("--channel", required=True, help="Channel it is for.")
@click.option("--reason", required=True, help="Why it cannot wait; kept with the digest.")
@click.option("--hours", type=click.IntRange(1, 168), default=4, show_default=True, help="How long it counts.")
@click.option("--key", help="Key file or URI.  [default: the key of this clone that may approve]")
@click.option("--person", help="Who signs.  [default: whom trust.yaml names for the key]")
@click.pass_obj
def emergency(
    app: App, reference: str, channel: str, reason: str, hours: int, key: str | None, person: str | None
) -> None:
    """Let REF into a channel without a change record for some hours; signed.

    It counts when as many different persons as the policy asks for (two at least) have signed one that is not over.
    """
    from imagekit.app.changerecord import declare_emergency
    from imagekit.app.context import named
    from imagekit.app.people import Hand
    from imagekit.app.release import registry_client
    from imagekit.cli.password import key_environment

    target = named(app.project, reference)
    hand = Hand(project=app.project, person=person, key=key, environ=key_environment())
    with registry_client(app.project, target.registry) as client:
        digest, until = declare_emergency(hand, client, target, channel=channel, reason=reason, hours=hours)
    say(f"{target.name}@{digest}: emergency for {channel} until {until:%Y-%m-%d %H:%M UTC}, one signature of several")
