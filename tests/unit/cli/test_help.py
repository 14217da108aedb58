"""Help texts: each command has one, the group's table agrees with it, and help imports nothing heavy."""

import sys
from pathlib import Path

import click
import pytest

from imagekit.base.process import run
from imagekit.cli import COMMANDS, cli
from tests.support.project import make_project

HEAVY = ("docker", "libvirt", "sigstore", "pytest", "paramiko", "cryptography", "testinfra", "jinja2", "rich")
# What builds, fetches or serves, and what only an error needs: planning reads files and asks git, nothing else.
NEEDLESS = ("ssl", "http.client", "urllib.request", "asyncio", "difflib", "imagekit.build.builder", "imagekit.services")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_help_the_table_says(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert (command.help or "").splitlines()[0] == COMMANDS[name]
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts} has no help"


@pytest.mark.parametrize("words", ["plan", "build", "test", "run", "shell", "check run", "conformance", "disk", "diff"])
def test_what_an_image_is_made_of_can_be_said_wherever_one_is_made_or_used(words: str) -> None:
    command: click.Command | None = cli
    for word in words.split():
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command is not None
    assert "--floating" in {each for option in command.params for each in option.secondary_opts}


def imported(modules: tuple[str, ...], *arguments: str) -> list[str]:
    """Those of these modules that a command of imagekit has imported at its end."""
    code = (
        "import sys\nsys.argv = ['imagekit', *sys.argv[1:]]\nfrom imagekit.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0, end.code\n"
        f"print(*[name for name in {modules!r} if name in sys.modules])"
    )
    return run([sys.executable, "-c", code, *arguments], timeout=30).stdout.splitlines()[-1].split()


@pytest.mark.parametrize("arguments", [["--help"], ["plan", "debian-node", "--json"], ["plan", "debian-node"]], ids=str)
def test_starts_without_heavy_imports(arguments: list[str]) -> None:
    # A plan judges the authorities of its layers, before anything is built.
    assert imported(HEAVY + NEEDLESS, *arguments) == (["cryptography"] if "plan" in arguments else [])


def test_a_plan_of_an_image_without_authorities_does_without_cryptography(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    assert imported(HEAVY + NEEDLESS, "--project", str(project), "plan", "small-node") == []
