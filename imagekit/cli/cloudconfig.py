"""imagekit cloudconfig"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.cli.app import App
    from imagekit.config.cloudlint import Finding

_FILES = click.Path(exists=True, dir_okay=False, path_type=Path)
_IMAGE = click.option("--image", help="The files of this image of the project, instead of FILES.")


@click.group("cloudconfig")
def command() -> None:
    """Check cloud-configs from anywhere; merge and render them."""


@command.command("lint")
@click.argument("files", nargs=-1, type=_FILES)
@_IMAGE
@click.option("--flux", is_flag=True, help="The files go where Flux substitutes: `${...}` is an error.")
@click.option("--seed", is_flag=True, help="The files are one machine's own and not in Git: secrets belong there.")
@click.option("--fragment", is_flag=True, help="The files are parts: do not ask what all of them together lack.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def lint(
    ctx: click.Context,
    files: tuple[Path, ...],
    image: str | None,
    flux: bool,
    seed: bool,
    fragment: bool,
    as_json: bool,
) -> None:
    """Say what a Kairos node would ignore, drop or do otherwise.

    FILES are merged in this order, as a node does. Exit code 1 when there is an error; warnings alone end with 0.
    """
    from dataclasses import asdict
    from json import dumps

    from imagekit.config.cloudlint import Severity, lint, lint_together

    files = _profile(ctx.obj, files, image)
    found = [finding for path in files for finding in lint(path, flux=flux, seed=seed)]
    if not fragment and all(finding.rule != "refused" for finding in found):
        found += lint_together(files)
    if as_json:
        say(dumps([asdict(finding) for finding in found], indent=2))
    else:
        for finding in found:
            _print(finding)
        errors = sum(finding.severity is Severity.ERROR for finding in found)
        say(f"{len(files)} files: {errors} errors, {len(found) - errors} warnings", err=bool(errors))
    ctx.exit(any(finding.severity is Severity.ERROR for finding in found))


@command.command("render")
@click.argument("files", nargs=-1, type=_FILES)
@_IMAGE
@click.option(
    "--for",
    "form",
    type=click.Choice(["file", "nocloud", "guestinfo", "secret"]),
    default="file",
    show_default=True,
    help="What the machine reads: a file of /oem, a NoCloud disk, VMware's guestinfo, a Secret of VirtRigaud.",
)
@click.option("--name", default="node", show_default=True, help="Name of the machine.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write the files into this folder.")
@click.pass_obj
def render(app: App, files: tuple[Path, ...], image: str | None, form: str, name: str, out: Path | None) -> None:
    """Merge FILES as a node does, and print or write what a platform hands to it.

    Refused with exit code 2: what `lint` calls an error.
    """
    from imagekit.app.cloudconfigs import rendered_files
    from imagekit.base.files import write_whole

    made = rendered_files(_profile(app, files, image), form, name)
    for file, data in made.items():
        if out is None:
            say(f"# {file}\n{data}" if len(made) > 1 else data, nl=len(made) > 1)
        else:
            out.mkdir(parents=True, exist_ok=True)
            write_whole(out / file, data)
            say(out / file)


@command.command("token")
@click.argument("file", type=_FILES)
@click.option(
    "--role",
    type=click.Choice(["worker", "controller"]),
    default="worker",
    show_default=True,
    help="What the node is to be.",
)
@click.option("--authority", type=_FILES, help="The cluster's authority (PEM); the token has to trust it.")
@click.option("--ask", is_flag=True, help="Ask the server of the token: reachable, whose certificate, which time.")
@click.option("--kubeconfig", type=_FILES, help="Of an administrator: is the token in the cluster, until when.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def token(
    ctx: click.Context,
    file: Path,
    role: str,
    authority: Path | None,
    ask: bool,
    kubeconfig: Path | None,
    as_json: bool,
) -> None:
    """Say what is wrong with a join token of k0s. Its secret is never shown.

    FILE holds what `k0s token create` printed. Exit code 1 when a node could not join with it.
    """
    from json import dumps

    from imagekit.app.jointokens import judged_token
    from imagekit.config.jointoken import Role

    said = judged_token(file, Role(role), authority=authority, ask=ask, kubeconfig=kubeconfig)
    if as_json:
        say(dumps(said.as_json(), indent=2))
    else:
        say(said.as_text())
    ctx.exit(bool(said.wrong))


def _profile(app: App, files: tuple[Path, ...], image: str | None) -> tuple[Path, ...]:
    """The files that were named, or those of an image in the order in which its node merges them."""
    if bool(files) == (image is not None):
        raise click.UsageError("name FILES, or an image with --image")
    return files or tuple(app.root / path for path in app.project.image(str(image)).cloud_config)


def _print(finding: Finding) -> None:
    place = f"{finding.file}:{finding.line}" if finding.line else finding.file
    say(f"{place}: {finding.severity}: {finding.text} [{finding.rule}]")
    if finding.hint:
        say(f"  {finding.hint}")
