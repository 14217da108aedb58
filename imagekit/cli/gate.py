"""imagekit gate"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("gate")
@click.argument("reference")
@click.option("--channel", required=True, help="Channel of the policy, or publish.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True, help="How."
)
@click.option("--change", default="", metavar="ID", help="Change record, where the channel asks for one.")
@click.pass_context
def command(ctx: click.Context, reference: str, channel: str, form: str, change: str) -> None:
    """Say whether REF may enter a channel, and why.

    REF is a reference, or IMAGE, IMAGE:VERSION or IMAGE@CHANNEL of this project. It is resolved once; only evidence
    about that digest which the registry holds, signed by keys of trust.yaml, counts, and the signed files under
    waivers/ and yanks/. Exit code 1 when a requirement is unsatisfied.
    """
    from imagekit.app.context import named
    from imagekit.app.release import registry_client
    from imagekit.app.remember import remember_gate
    from imagekit.app.trusted import gate_of
    from imagekit.trust.gate import show

    app: App = ctx.obj
    target = named(app.project, reference)
    with registry_client(app.project, target.registry) as client:
        decision = gate_of(app.project, client, target, channel, change=change)
    remember_gate(app.project, target.repository.rpartition("/")[2], decision)
    match form:
        case "json":
            say(show.as_json(decision))
        case "markdown":
            say(show.as_markdown(decision))
        case _:
            _tell(show.as_text(decision))
    ctx.exit(0 if decision.passed else 1)


def _tell(text: str) -> None:
    """The lines with the first word coloured, where there are colours."""
    colours = {"satisfied": "green", "unsatisfied": "red", "waived": "yellow"}
    for line in text.splitlines():
        word = line.partition(" ")[0]
        if word in colours:
            click.secho(word, fg=colours[word], nl=False)
            say(line.removeprefix(word))
        else:
            say(line)
