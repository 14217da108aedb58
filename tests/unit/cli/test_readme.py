"""The README's help texts are the program's own."""

import re
from pathlib import Path

import click

from imagekit.cli import COMMANDS, cli

README = Path(__file__).parents[3] / "README.md"
BEGIN, END = "<!-- help begins -->\n", "<!-- help ends -->"


def help_text() -> str:
    """What stands between the markers; `python -m tests.unit.cli.test_readme` writes it."""
    context = click.Context(cli, info_name="imagekit")
    lines = []
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        usage = command.get_usage(click.Context(command, info_name=f"imagekit {name}")).removeprefix("Usage: ")
        lines.append(f"{' '.join(usage.split())}\n    {COMMANDS[name]}\n")
    return "```\n" + "".join(lines) + "```\n"


def test_readme_shows_the_real_help() -> None:
    found = re.search(f"{BEGIN}(.*?){END}", README.read_text(), re.S)
    assert found is not None
    assert found[1] == help_text(), "run: python -m tests.unit.cli.test_readme"


if __name__ == "__main__":
    text = README.read_text()
    head, _, rest = text.partition(BEGIN)
    README.write_text(head + BEGIN + help_text() + END + rest.partition(END)[2])
