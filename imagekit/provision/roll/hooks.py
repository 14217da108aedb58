"""Programs and entry points that are asked during a roll: JSON in, JSON out, a time limit, no shell.

The contract is docs/provisioning.md's; its version is the first field of both documents.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from imagekit.base.errors import ConfigError
from imagekit.base.process import CannotRunError, ProcessError, ProcessTimeoutError, ProgramMissingError, run
from imagekit.base.strictjson import ForeignJsonError, read_object
from imagekit.base.text import one_line, redacted
from imagekit.fleet.cluster import Hook
from imagekit.provision.roll.model import RollError

CONTRACT = 1
_LIMIT = 1 << 20  # bytes of an answer
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
Answer = Mapping[str, Any]


class HookError(RollError):
    """A hook said no, did not end, or said nothing that can be read."""


class Hooks(Protocol):
    """Asks hooks."""

    def ask(self, hook: Hook, event: str, question: Answer) -> Answer:
        """The answer to a question. Raises `HookError`."""
        ...


def seconds(interval: str) -> int:
    """An interval of a fleet file in seconds."""
    return 0 if interval == "0" else int(interval[:-1]) * _UNITS[interval[-1]]


@dataclass(frozen=True, slots=True)
class ProcessHooks:
    """Hooks as processes; a path is one below the project's folder."""

    root: Path

    def ask(self, hook: Hook, event: str, question: Answer) -> Answer:
        """Run a hook. Only ``"ok": true`` with exit status 0 is a yes; whatever cannot be read is none."""
        argv, name = self._command(hook)
        text = json.dumps({"version": CONTRACT, "event": event, **question}, sort_keys=True)
        try:
            done = run(argv, timeout=seconds(hook.timeout), cwd=self.root, stdin=text.encode())
        except ProcessTimeoutError:
            raise HookError(
                f"hook {name} did not end within {hook.timeout} and was stopped", hint="Nothing was committed after it."
            ) from None
        except ProcessError as error:
            reported = one_line(redacted(error.stderr or error.stdout)) or "it said nothing"
            raise HookError(f"hook {name} ended with status {error.returncode}: {reported}") from None
        except (ProgramMissingError, CannotRunError) as error:
            raise HookError(f"hook {name} cannot be started: {error}") from None
        return _read(name, event, done.raw)

    def _command(self, hook: Hook) -> tuple[list[str], str]:
        if hook.entry_point is not None:
            program = [sys.executable, "-P", "-m", "imagekit.provision.roll.entryhook", hook.entry_point]
            return program, f"entry point {hook.entry_point}"
        assert hook.run is not None
        path = (self.root / hook.run).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise ConfigError(
                f"hook {hook.run} is outside the project", hint="Hooks are reviewed with the fleet files."
            )
        if not path.is_file() or not os.access(path, os.X_OK):
            raise ConfigError(f"hook {hook.run}: no executable file", hint=f"chmod +x {hook.run}")
        return [str(path)], hook.run


def _read(name: str, event: str, raw: bytes) -> Answer:
    try:
        answer = read_object(raw, f"answer of hook {name}", fields=("version", "ok", "message", "nodes"), limit=_LIMIT)
    except ForeignJsonError as error:
        raise HookError(
            f"{error}", hint=f"It answers one JSON object; it said: {one_line(raw.decode(errors='replace'))}"
        ) from None
    if answer.get("version") != CONTRACT:
        raise HookError(f"hook {name} answers in version {answer.get('version')!r}, not {CONTRACT}")
    if event != "health" and answer.get("ok") is not True:
        raise HookError(f"hook {name} says no: {one_line(str(answer.get('message') or 'no reason given'))}")
    return answer
