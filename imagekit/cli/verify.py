"""imagekit verify"""

from __future__ import annotations

from pathlib import Path

import click

from imagekit.cli.app import App


@click.command("verify")
@click.argument("reference")
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Public key (PEM).  [default: the project's own]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, reference: str, key: Path | None, as_json: bool) -> None:
    """Check signature, tests, SBOM and content of a published REF.

    From a cold start: the reference is resolved once, manifest and every blob are hashed, and only what a statement by
    the key says of this digest counts. Exit code 1 when anything is not satisfied.
    """
    from imagekit.oci import Reference
    from imagekit.pipeline.release import keys_of, registry_client
    from imagekit.publish.verify import verify_image
    from imagekit.sign.keys import verifier_of

    app: App = ctx.obj
    target = Reference.parse(reference)
    verifier = verifier_of(key) if key else keys_of(app.project).verifier()
    with registry_client(app.project, target.registry) as client:
        found = verify_image(target, client, verifier)
    if as_json:
        import json
        from dataclasses import asdict

        click.echo(json.dumps(asdict(found) | {"passed": found.passed}, default=str, indent=2))
    else:
        for item in found.requirements:
            click.secho(
                "satisfied    " if item.satisfied else "unsatisfied  ",
                nl=False,
                fg="green" if item.satisfied else "red",
            )
            click.echo(f"{item.name:<10} {item.reason}")
        click.echo(f"{'verified' if found.passed else 'NOT verified'}: {found.digest or reference}")
    ctx.exit(0 if found.passed else 1)
