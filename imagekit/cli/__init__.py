"""The command line: a thin edge. Each command lives in its own module, imported when it is called."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import click

from imagekit import __version__
from imagekit.cli.app import App

# name -> one line of help. The module imagekit/cli/<name>.py holds the command of the same name; the lines stand here
# so that `imagekit --help` imports none of them (a test holds them to the commands' own help).
COMMANDS = {
    "init": "Start a project in FOLDER: an image, a layer with its check, cloud-config, policy, CI.",
    "run": "Build, boot, test, sign and publish IMAGE, and show the report.",
    "plan": "Show what would be built, with the id of every layer.",
    "lock": "Write what IMAGE, or every image, is built from into images.lock and images/locks.",
    "build": "Build IMAGE and print its digest.",
    "test": "Boot IMAGE and run the checks of its layers.",
    "conformance": "Hold the node contract against an image and its nodes; print a table.",
    "publish": "Sign IMAGE's tested digest and give it its tag.",
    "diff": "Tell what differs between two images.",
    "cve": "List the known vulnerabilities of IMAGE, by its distribution's own data.",
    "horizon": "Say which certificates, keys and waivers expire, and when.",
    "gate": "Say whether REF may enter a channel, and why.",
    "mute": "Let a check only warn for some days; signed.",
    "waive": "Let one check or scenario of REF pass for a time; signed.",
    "approve": "Say yes to REF in a channel; signed.",
    "change": "Ask for the change record of REF, or go without one in an emergency.",
    "keys": "Make, list, trust and rotate keys.",
    "verify": "Check signature, tests, SBOM and content of a published REF.",
    "promote": "Let a digest into a channel, when the gate agrees.",
    "rollback": "Let a CHANNEL point at an earlier digest again.",
    "yank": "Withdraw a digest for good.",
    "releases": "List versions: digest, channels, age, evidence, who runs it, who was seen with it.",
    "retention": "Show or remove versions that nothing needs any more.",
    "history": "Show who decided what, when and why, from the ledger.",
    "observe": "Ask nodes what they run, and keep it for `imagekit audit`.",
    "audit": "Say what ran on which node when, and how far that is proven.",
    "ledger": "Look at the ledger itself, and repair it.",
    "fleet": "List, check and import the nodes that follow the channels.",
    "provision": "Render the manifests that Flux applies, check them, and roll nodes to another digest.",
    "report": "Show the report of the last run, or of one run.",
    "drift": "Say what moved upstream, whether IMAGE still holds, and what broke it.",
    "issues": "Keep one GitHub issue for each root cause that NIGHTS found.",
    "trends": "Show boot cost, size, checks, flakes, packages behind over time.",
    "flakes": "List checks that failed and passed on one digest.",
    "alarms": "Say what has starved: channels, gates, suites, nightlies.",
    "explain": "Say why a run failed, or what the runbook says of a check.",
    "doctor": "Check what this machine has and lacks.",
    "shell": "Boot IMAGE and log in.",
    "console": "Show or follow the console of the last machine.",
    "disk": "Write IMAGE, or a published REF, as a disk.",
    "services": "Start, stop or show the build engine, libvirt and registry.",
    "clean": "Remove what killed runs left behind; caches on request.",
    "layer": "Make a layer with its check.",
    "check": "Run checks on a kept machine; list and make checks.",
    "machines": "List and stop machines that are kept.",
    "cloudconfig": "Check cloud-configs from anywhere; merge and render them.",
    "config": "Check, show and migrate the configuration; print its JSON Schemas.",
    "bench": "Measure the pipeline against its goals; print ratios of one run.",
}


def _here(name: str) -> bool:
    """Whether a command is part of this installation: bench measures a checkout and is not in the wheel."""
    return name != "bench" or (Path(__file__).parents[1] / "bench").is_dir()


class LazyGroup(click.Group):
    """A group that imports the module of a command when the command is called, and not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the pipeline."""
        return [name for name in COMMANDS if _here(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS or not _here(cmd_name):
            return None
        module = importlib.import_module(f"imagekit.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, importing nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the likely command when the name is unknown."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else " See `imagekit --help`."
            raise click.UsageError(f"no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="imagekit")
@click.option(
    "--project",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    envvar="IMAGEKIT_PROJECT",
    default=".",
    help="Folder of the project.",
    show_default="this folder",
)
@click.option("-v", "--verbose", is_flag=True, help="Tell every command that is started.")
@click.option("-q", "--quiet", is_flag=True, help="Tell nothing but results and errors.")
@click.pass_context
def cli(ctx: click.Context, project: Path, verbose: bool, quiet: bool) -> None:
    """Build Kairos OS images, boot them, test the live machine, and publish what passed.

    Exit codes: 0 done; 1 the answer is no (a check failed, a tag is taken, a signature is bad);
    2 usage or configuration; 3 a tool or this machine failed; 4 could not tell; 5 drift; 130 interrupted.
    """
    from imagekit.cli.edge import set_loudness

    set_loudness(verbose=verbose, quiet=quiet)
    ctx.obj = App(root=project.resolve(), verbose=verbose, quiet=quiet)


def main() -> None:
    """Entry point: runs the group and turns errors into messages and exit codes."""
    from imagekit.cli.edge import run_cli

    sys.exit(run_cli(cli))
