"""Every `imagekit` command in the documentation is one that this program takes: the command, its options, their values.

Lines of fenced blocks are parsed as they stand; commands in running text may leave out what is required.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from imagekit.cli import cli
from imagekit.cli.check import _RunFirst

ROOT = Path(__file__).parents[3]
_FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.S | re.M)
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_CALL = re.compile(r"(?:^|\$ |&& |\| |; |\()\s*(?:bin/|sudo )?imagekit(?= )(.*)")
_END = re.compile(r"^(\||\|\||&&|;|>|>>|2>|<|\)|#.*)$")


@dataclass(frozen=True, slots=True)
class Example:
    """A command as a page shows it; `whole` when it stands in a fenced block."""

    page: str
    text: str
    whole: bool

    def __str__(self) -> str:
        return f"{self.page}: imagekit {self.text}"


def pages() -> list[Path]:
    """Every page that tells how to use imagekit; the changelog also names what is gone."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    return found + [path for name in ("images", "vm-harness", "cloud-config") for path in (ROOT / name).rglob("*.md")]


def examples(page: str, text: str) -> Iterator[Example]:
    """The commands of one page, those of the generated help texts left out."""
    text = re.sub(r"<!-- help begins -->.*?<!-- help ends -->", "", text, flags=re.S)
    for block in _FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if (call := _CALL.search(line)) and not line.lstrip().startswith("#"):
                yield Example(page, call[1].strip(), whole=True)
    for code in _CODE.findall(_FENCE.sub("", text)):
        if call := _CALL.search(code):
            yield Example(page, call[1].strip(), whole=False)


EXAMPLES = [each for path in pages() for each in examples(str(path.relative_to(ROOT)), path.read_text())]


def words(text: str) -> list[str]:
    """The arguments of a command, up to a pipe, a redirection or a comment."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    found: list[str] = []
    for word in lexer:
        if _END.match(word) or set(word) <= set("|&;<>"):
            break
        found.append(word)
    return found


def parse(example: Example) -> None:
    """Raise `click.UsageError` for a command that imagekit does not take."""
    command: click.Command = cli
    context, arguments = click.Context(cli, info_name="imagekit"), words(example.text)
    while isinstance(command, click.Group):
        options, arguments = before_the_name(command, context, arguments)
        if not arguments and (options or not example.whole):
            return  # --help and the like; a group that is only named
        name, *arguments = arguments
        if name in ("COMMAND", "..."):
            return
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"no such command {name!r}")
        command, context = found, click.Context(found, parent=context, info_name=name)
    command.make_parser(context).parse_args([*arguments])
    if example.whole:
        complete(command, arguments)


def before_the_name(group: click.Group, context: click.Context, arguments: list[str]) -> tuple[object, list[str]]:
    """The options of a group before the name of one of its commands, and the rest."""
    if isinstance(group, _RunFirst) and not {*arguments[:1]} & {*group.commands, "-h", "--help"}:
        return {}, ["run", *arguments]
    options, rest, _ = group.make_parser(context).parse_args(arguments)
    return options, rest


def complete(command: click.Command, arguments: list[str]) -> None:
    """Raise `click.UsageError` for a wrong value, or for what is required and not there; files may be missing."""
    try:
        command.make_context(command.name, arguments, obj=SimpleNamespace())
    except click.BadParameter as error:
        if not (isinstance(error.param and error.param.type, click.Path) and "does not exist" in error.message):
            raise


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_command_in_the_documentation_is_taken(example: Example) -> None:
    parse(example)


@pytest.mark.parametrize("text", ["tset debian-node", "test --raod live", "test --boot nowhere", "promote", "keys mak"])
def test_what_imagekit_does_not_take_is_found(text: str) -> None:
    with pytest.raises(click.UsageError):
        parse(Example("page", text, whole=True))


def test_commands_are_found() -> None:
    assert len(EXAMPLES) > 200
    assert sum(each.whole for each in EXAMPLES) > 50
