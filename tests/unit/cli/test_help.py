"""Help texts: each command has one, the group's table agrees with it, and help imports nothing heavy."""

import sys

import click
import pytest

from imagekit.base.process import run
from imagekit.cli import COMMANDS, cli

HEAVY = ("docker", "libvirt", "sigstore", "pytest", "paramiko", "cryptography", "testinfra", "jinja2", "rich")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_help_the_table_says(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert (command.help or "").splitlines()[0] == COMMANDS[name]
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts} has no help"


@pytest.mark.parametrize("arguments", [["--help"], ["plan", "debian-node", "--json"]], ids=str)
def test_starts_without_heavy_imports(arguments: list[str]) -> None:
    code = (
        "import sys\nsys.argv = ['imagekit', *sys.argv[1:]]\nfrom imagekit.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0, end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = run([sys.executable, "-c", code, *arguments], timeout=30)
    # A plan judges the authorities of its layers, before anything is built; it takes 0.1 s.
    assert done.stdout.splitlines()[-1] == ("['cryptography']" if "plan" in arguments else "[]")
