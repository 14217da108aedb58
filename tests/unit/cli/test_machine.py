"""Options that choose the machine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from imagekit.cli import cli
from imagekit.cli.machine import FIRMWARES, SHAPES
from imagekit.machine.profile import profile_names


def test_every_profile_can_be_asked_for() -> None:
    assert {*FIRMWARES, *SHAPES} == set(profile_names())


@pytest.mark.parametrize("name", ["test", "shell", "console", "conformance"])
@pytest.mark.parametrize("option", ["--boot", "--road"])
def test_the_earlier_name_of_boot_works_and_is_not_shown(name: str, option: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    context = command.make_context(name, [option, "live"], obj=SimpleNamespace())
    assert context.params["boot_path"] in ("live", ("live",))
    assert "--road" not in command.get_help(context)
    assert "--boot [" in command.get_help(context)


@pytest.mark.parametrize("option", ["--boot", "--road"])
@pytest.mark.parametrize("word", ["fast", "direct"])
def test_fast_is_direct(option: str, word: str) -> None:
    command = cli.get_command(click.Context(cli), "shell")
    assert command is not None
    assert command.make_context("shell", [option, word], obj=SimpleNamespace()).params["boot_path"] == "direct"
    with pytest.raises(click.BadParameter, match="'direct', 'live', 'installed'"):
        command.make_context("shell", [option, "slow"])


@pytest.mark.parametrize(("written", "said"), [(b"\r\n\r\n", True), (b"[    0.1] Linux\n", False)])
def test_a_console_without_words_says_so(tmp_path: Path, written: bytes, said: bool) -> None:
    log = tmp_path / ".imagekit/runs/20261128-120000-abcd/direct/console.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(written)
    done = CliRunner().invoke(cli, ["--project", str(tmp_path), "console"])
    assert ("nothing was written there" in done.output) is said
