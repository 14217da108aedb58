"""imagekit check"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.locked import locked_option
from imagekit.cli.machine import boot_option
from imagekit.cli.screen import say
from imagekit.cli.selecting import selected, selection_options


class _RunFirst(click.Group):
    """A group whose first command need not be named: `imagekit check IMAGE -k EXPR`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``run`` before what names no command."""
        asks_help = args[:1] in (["-h"], ["--help"])
        named = bool(args) and args[0] in self.commands
        return super().parse_args(ctx, args if named or asks_help else ["run", *args])


@click.group("check", cls=_RunFirst)
def command() -> None:
    """Run checks on a kept machine; list and make checks."""


@command.command("run")
@click.argument("image", required=False)
@boot_option("direct", "live", "installed", help="Of the machine on this boot path.")
@click.option(
    "--container",
    is_flag=True,
    help="In a container of IMAGE instead, which is built when it changed: the checks that need no kernel.",
)
@locked_option
@selection_options
@click.pass_context
def run_(
    ctx: click.Context,
    image: str | None,
    boot_path: str | None,
    container: bool,
    expression: str,
    suites: tuple[str, ...],
    failed: bool,
    fail_fast: bool,
) -> None:
    """Run checks on the machine that `imagekit test --keep` keeps, or in a container.

    The checks are those of the project as they stand now. It is no test: nothing of it is kept, reused or published.
    """
    from imagekit.app.again import check_kept
    from imagekit.app.keptmachine import kept_machine
    from imagekit.machine.interface import BootPath

    app: App = ctx.obj
    if container and boot_path:
        raise click.UsageError("a container has no boot path; leave out --boot or --container")
    if container:
        from imagekit.app.incontainer import check_in_container

        name = app.image_name(image)
        built, result = check_in_container(
            app.project, name, selected(app, name, expression, failed, fail_fast, suites)
        )
        where = f"in a container of sha256:{built.digest.short}"
        say(f"{result.said} ({result.selection}) in {result.seconds:.1f} s {where}")
        ctx.exit(0 if result.passed else 1)
    on = BootPath(boot_path) if boot_path else None
    there = kept_machine(app.work, image, on)
    name = image or (there.image if there else app.image_name(image))
    selection = selected(app, name, expression, failed, fail_fast, suites, there)
    machine, result = check_kept(app.project, image, on, selection)
    asked = f" ({result.selection})" if result.selection else ""
    say(f"{result.said}{asked} in {result.seconds:.1f} s on {machine.name}, {machine.version}")
    ctx.exit(0 if result.passed else 1)


@command.command("new")
@click.argument("layer")
@click.argument("name")
@click.pass_obj
def new(app: App, layer: str, name: str) -> None:
    """Write a check NAME of LAYER, for you to fill in."""
    from imagekit.app.starter import new_check

    path = new_check(app.root, layer, name)
    say(path)
    say(f"\nNext: write what it asks in {path}; its docstring is the sentence that reports show.", err=True)


@command.command("list")
@click.argument("image", required=False)
@click.pass_obj
def list_(app: App, image: str | None) -> None:
    """Print the ids of the checks of IMAGE, or of every image."""
    from imagekit.app.muting import checks_of

    for name in checks_of(app.project, image):
        say(name)


@command.command("suites")
@click.argument("image", required=False)
@click.pass_obj
def suites_(app: App, image: str | None) -> None:
    """Print the names of the suites of IMAGE, or of every image: what `--suite` takes."""
    from imagekit.app.muting import suites_of_image

    for name in suites_of_image(app.project, image):
        say(name)
