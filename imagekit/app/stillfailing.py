"""What does not pass on a kept machine, for `imagekit check --failed`: as its run left it, and each look since."""

from __future__ import annotations

import json
from pathlib import Path

from imagekit.app.keptmachine import KeptMachine
from imagekit.base.errors import ConfigError
from imagekit.base.files import write_whole
from imagekit.checks.outcome import SuiteResult
from imagekit.checks.selection import Selection


def note_failing(machine: KeptMachine, found: SuiteResult) -> None:
    """Remember the required checks that did not pass; one that was not asked now stays as it was."""
    path, prefix = _path(machine), f"{machine.boot_path}:"
    asked = {check.id.removeprefix(prefix) for check in found.checks}
    now = [check.id.removeprefix(prefix) for check in found.blocking]
    write_whole(path, json.dumps([*(each for each in _read(path) if each not in asked), *now]) + "\n")


def failing_on(machine: KeptMachine) -> Selection:
    """What did not pass when it was asked last; raises `ConfigError` where nothing is left."""
    ids = tuple(f"{machine.boot_path}:{each}" for each in _read(_path(machine)))
    if not ids:
        raise ConfigError(f"on {machine.name} every required check passed", hint="Select with -k EXPR.")
    return Selection(ids=ids)


def _path(machine: KeptMachine) -> Path:
    return Path(machine.folder) / f"failing-{machine.boot_path}.json"


def _read(path: Path) -> list[str]:
    """Of a file that is not there, or not whole, nothing: it is a note for people, and decides nothing."""
    try:
        return [str(each) for each in json.loads(path.read_text())]
    except (OSError, ValueError, TypeError):
        return []
