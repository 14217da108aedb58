"""imagekit cve"""

from __future__ import annotations

from pathlib import Path

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("cve")
@click.argument("image", required=False)
@click.option("--since", metavar="IMAGE", help="Mark what is new against this one.  [default: the last release]")
@click.option("--sbom", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Scan a CycloneDX file.")
@click.option("--channel", help="Hold the numbers against this channel's rule in the policy; else only list them.")
@click.option("--all", "everything", is_flag=True, help="List what does not count, too: unimportant, not applicable.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True, help="How."
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Public key (PEM) for a REF.  [default: trust.yaml, else the project's own]",
)
@click.pass_obj
def command(
    app: App,
    image: str | None,
    since: str | None,
    sbom: Path | None,
    channel: str | None,
    everything: bool,
    form: str,
    key: Path | None,
) -> int:
    """List the known vulnerabilities of IMAGE, by its distribution's own data.

    IMAGE is named as for `imagekit diff`: an image of the project, a version, plan id, digest or run kept here, or a
    published REF. Nothing leaves this machine; the sources are `advisories` of imagekit.yaml. Exit code 0 when the
    channel's rule holds (or none was asked for), 1 when it does not, 4 when it cannot be told: no source, none for
    this distribution, or data older than the rule allows.
    """
    from datetime import UTC, datetime

    from imagekit.app.cve import cve, sbom_scan
    from imagekit.cve import show
    from imagekit.trust.sign.keys import verifier_of

    now = datetime.now(UTC)
    if sbom is not None:
        found = sbom_scan(app.project, sbom, now)
    else:
        verifier = verifier_of(key) if key else None
        found = cve(app.project, image or app.image_name(None), since=since, now=now, verifier=verifier)
    match form:
        case "json":
            import json

            say(json.dumps(show.as_data(found), indent=2))
        case "markdown":
            say(show.as_markdown(found, now, everything=everything))
        case _:
            say(show.as_text(found, now, everything=everything))
    if channel is None:
        return 0
    from imagekit.app.cve import judged

    code, reason = judged(app.project, found, channel, now)
    say(f"{channel}: {reason}", err=True)
    return code
