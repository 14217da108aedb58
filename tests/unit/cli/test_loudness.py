"""-q and -v before the command's name; what a command is given for others is not ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from imagekit.cli import cli
from imagekit.cli.progress import ProgressHandler


@pytest.fixture
def handler() -> Iterator[ProgressHandler]:
    made, logger = ProgressHandler(), logging.getLogger("imagekit")
    logger.addHandler(made)
    yield made
    made.close()
    logger.removeHandler(made)
    logger.setLevel(logging.NOTSET)


@click.command("probe", context_settings={"ignore_unknown_options": True})
@click.argument("rest", nargs=-1, type=click.UNPROCESSED)
def probe(rest: tuple[str, ...]) -> None:
    """A command that passes on what it is given."""


@pytest.mark.parametrize(
    ("words", "quiet", "level"),
    [
        (["-q", "probe"], True, logging.INFO),
        (["--quiet", "probe"], True, logging.INFO),
        (["-qv", "probe"], True, logging.DEBUG),
        (["-v", "probe"], False, logging.DEBUG),
        (["probe", "--", "grep", "-q", "x"], False, logging.INFO),
        (["probe", "--", "ssh", "-v"], False, logging.INFO),
    ],
)
def test_only_what_stands_before_the_command_counts(
    handler: ProgressHandler, monkeypatch: pytest.MonkeyPatch, words: list[str], quiet: bool, level: int
) -> None:
    monkeypatch.setattr(cli, "get_command", lambda *_: probe)
    monkeypatch.setattr(cli, "resolve_command", lambda _ctx, args: ("probe", probe, args[1:]))
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    assert handler._quiet is quiet
    assert logging.getLogger("imagekit").level == level
