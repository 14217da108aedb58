"""Calls of testinfra's modules that checks make: written down as they are made, put again to the facts and to the node.

`CONFTEST` beside a copy of the check files writes them down. It is loaded in the process that runs the checks.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from testinfra.host import Host
from testinfra.modules.base import Module

from imagekit.checks.answers import resolved
from imagekit.checks.batched import MODULES, Batch, BatchedHost
from imagekit.checks.facts import Facts, File, Mount, Unit

CALLS = "calls.jsonl"
CONFTEST = f'''\
import pytest
from pathlib import Path
from tests.support.modulecalls import Recording


@pytest.fixture(scope="session")
def host(host, session):
    return Recording(host, Path(session.events).parent / "{CALLS}")


@pytest.fixture(scope="session")
def root(root, session):
    return Recording(root, Path(session.events).parent / "{CALLS}")
'''
_HOSTS = ("host", "root")


@dataclass(frozen=True, slots=True)
class Call:
    """``host.MODULE(*given).NAME``, `more` where that is a method; without a name the call itself is the answer."""

    module: str
    given: tuple[Any, ...] | None
    name: str = ""
    more: tuple[Any, ...] | None = None

    @classmethod
    def of(cls, found: dict[str, Any]) -> Self:
        """Out of JSON."""
        given, more = (None if found[each] is None else tuple(found[each]) for each in ("given", "more"))
        return cls(found["module"], given, found["name"], more)

    def __str__(self) -> str:
        given = "" if self.given is None else f"({', '.join(map(repr, self.given))})"
        more = "" if self.more is None else f"({', '.join(map(repr, self.more))})"
        return f"{self.module}{given}.{self.name}{more}".rstrip(".")

    def ask(self, host: Any) -> object:
        """The answer of a host; of an error its kind."""
        try:
            answer = getattr(host, self.module)
            answer = answer if self.given is None else answer(*self.given)
            answer = getattr(answer, self.name) if self.name else answer
            answer = answer if self.more is None else answer(*self.more)
        except Exception as error:
            return f"raises {type(error).__name__}"
        return frozenset(answer) if self.name == "options" else answer  # in the order in which each kernel has them


class Recording:
    """A host that writes down which calls of its modules are made, and by which function of which file."""

    def __init__(self, host: Any, path: Path) -> None:
        self._host, self._path = host, path

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._host, name)
        return _Recorded(found, Call(name, None), self._path) if name in MODULES else found


class _Recorded:
    """A module of a host, or one called with what it is about."""

    def __init__(self, found: Any, call: Call, path: Path) -> None:
        self._found, self._call, self._path = found, call, path

    def __call__(self, *given: Any) -> Any:
        call = replace(self._call, given=given)
        found = self._found(*given)
        if isinstance(found, Module):
            return _Recorded(found, call, self._path)
        self._note(call)
        return found

    def __getattr__(self, name: str) -> Any:
        call = replace(self._call, name=name)
        found = getattr(self._found, name)
        if not callable(found):
            self._note(call)
            return found

        def method(*more: Any) -> Any:
            self._note(replace(call, more=more))
            return found(*more)

        return method

    def _note(self, call: Call) -> None:
        frame = sys._getframe(1)
        while frame.f_back and (frame.f_code.co_filename == __file__ or frame.f_code.co_name.startswith("<")):
            frame = frame.f_back
        made = {**asdict(call), "file": frame.f_code.co_filename, "function": frame.f_code.co_name}
        with self._path.open("a") as stream:
            stream.write(json.dumps(made) + "\n")


@dataclass(frozen=True, slots=True)
class Made:
    """The calls that were made, each once, and the functions that made them: ``LAYER/FILE::FUNCTION``."""

    calls: tuple[Call, ...]
    functions: frozenset[str]


def read_calls(out: Path, checks: Path) -> Made:
    """What a run of a copy of the check files wrote down; `out` is the folder of its events."""
    lines = [json.loads(line) for line in (out / CALLS).read_text().splitlines()]
    files = [Path(line["file"]) for line in lines]
    inside = [file.relative_to(checks).as_posix() if file.is_relative_to(checks) else "" for file in files]
    functions = {f"{file}::{line['function']}" for file, line in zip(inside, lines, strict=True)}
    return Made(tuple(dict.fromkeys(Call.of(line) for line in lines)), frozenset(functions))


def written(checks: Path, layers: Iterable[str]) -> Iterator[str]:
    """The functions of the layers' check files in which a call of a module stands, as in `Made`."""
    for path in sorted(each for layer in layers for each in (checks / layer).rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef) and any(map(_is_call, ast.walk(function))):
                yield f"{path.relative_to(checks).as_posix()}::{function.name}"


def _is_call(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in MODULES
        and isinstance(node.value, ast.Name)
        and node.value.id in _HOSTS
    )


class Noting(Batch):
    """A batch that knows whether it answered anything."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(lambda: facts)
        self.answered = False

    def answer(self, command: str, args: tuple[str, ...]) -> tuple[int, str] | None:
        """As ever."""
        found = super().answer(command, args)
        # Which system it is and where its programs are, testinfra asks before each question.
        self.answered |= found is not None and not command.startswith(("uname", "command -v", "cat /etc/os-release"))
        return found


def by_facts(call: Call, facts: Facts, node: Host) -> tuple[object, bool]:
    """The answer as a check gets it where the call is the first of its kind, and whether the facts told it."""
    batch = Noting(facts)
    return call.ask(BatchedHost(node, batch)), batch.answered


def falsified(facts: Facts, call: Call) -> Facts:
    """Facts that say something else of what a call is about. Raises `LookupError` for a module it does not know."""
    about = str(call.given[0]) if call.given else ""
    match call.module:
        case "file":
            return replace(facts, files=_other_files(facts, about, call.name))
        case "package":
            return replace(facts, packages=_other(facts.packages, about, "1"))
        case "service":
            unit, states = about if "." in about else f"{about}.service", facts.unit_files
            other = Unit("loaded", "inactive" if _active(facts, unit) else "active", "falsified")
            state = "disabled" if states.get(unit) == "enabled" else "enabled"
            return replace(facts, units={**facts.units, unit: other}, unit_files={**states, unit: state})
        case "mount_point":
            return replace(facts, mounts={**facts.mounts, about: Mount("x", "x", frozenset({"x"}), frozenset())})
        case "sysctl":
            return replace(facts, sysctl={**facts.sysctl, about: "falsified"})
    raise LookupError(f"no falsified fact for {call}")


def _active(facts: Facts, unit: str) -> bool:
    return unit in facts.units and facts.units[unit].active == "active"


def _other(known: Any, name: str, value: object) -> dict[str, Any]:
    """Without it where it is, with it where it is not."""
    without = {each: found for each, found in known.items() if each != name}
    return without if name in known else {**without, name: value}


def _other_files(facts: Facts, path: str, name: str) -> dict[str, File]:
    new = File(0o4321, "falsified", "falsified", "f", 4321, "falsified")
    where = resolved(facts, path) or path
    match name:
        case "linked_to" | "is_symlink":  # of the path itself
            link = path in facts.files and facts.files[path].kind == "l"
            return {**facts.files, path: new if link else replace(new, kind="l")}
        case "listdir":
            return {**facts.files, f"{where}/falsified": new}
        case "exists" | "is_file" | "is_directory":
            return _other(facts.files, where, replace(new, kind="d" if name == "is_directory" else "f"))
    return {**facts.files, where: replace(new, kind=facts.files[where].kind)}
