"""What a failed assertion says, as a sentence: checks compare what was found (left) with what was expected (right)."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet

_SHOWN = 30
_ASSERT = re.compile(r"^assert\b", re.MULTILINE)
_SET = re.compile(r"\b(?:frozenset|set)\((\{[^{}]*\}|\[[^\[\]]*\]|)\)")
_NONE = "nothing"
# As testinfra writes a command that ended otherwise than its modules expect: its repr of a CommandResult.
_COMMAND = re.compile(
    r"^Unexpected (?:exit code \d+ for|output) CommandResult\(backend=.*?, exit_status=(?P<status>-?\d+), "
    r"command=(?P<command>b?(?P<q>['\"]).*?(?P=q)), _stdout=b?['\"].*, _stderr=(?P<stderr>b?['\"].*['\"])\)$",
    re.DOTALL,
)


def compared(operator: str, found: object, expected: object) -> str:
    """A comparison that did not hold, from the two things themselves; empty for an operator without a sentence."""
    match operator:
        case "==":
            return _unequal(found, expected)
        case "<=" if isinstance(found, AbstractSet) and isinstance(expected, AbstractSet):
            return f"expected none but: {words(expected)}; found also: {words(found - expected)}"
        case ">=" if isinstance(found, AbstractSet) and isinstance(expected, AbstractSet):
            return f"missing: {words(expected - found)}; found: {words(found)}"
        case "<" | "<=" | ">" | ">=":
            name = {"<": "less than", "<=": "at most", ">": "more than", ">=": "at least"}[operator]
            return f"expected {name} {words(expected)}, found: {words(found)}"
        case "in":
            return f"{words(found)} is not {_there(expected)}"
        case "not in":
            return f"{words(found)} should not be {_there(expected, whole=False)}"
        case "!=" | "is not":
            return f"expected anything but: {words(expected)}"
        case "is":
            return f"expected {words(expected)}, found: {words(found)}"
        case _:
            return ""


def sentence(message: str, reported: str = "") -> str:
    """What to say of an assertion error.

    The check's own words come first when it has some; then `reported`, what `compared` said of it; then what can be
    read out of pytest's words. Sets lose their Python names in all of them.
    """
    start = _ASSERT.search(message)
    own = (message[: start.start()] if start else message).strip()
    own = own.removeprefix("AssertionError:").strip()
    if own:
        return _without_sets(own)
    return reported or _without_sets(_read(message.strip()))


def of_command(message: str) -> str:
    """A message of testinfra's modules about a command, as command, status and complaint; any other as it is."""
    found = _COMMAND.match(message.partition("\nassert ")[0].strip())  # pytest's own words follow
    if found is None:
        return message
    try:
        command, stderr = (ast.literal_eval(found[name]) for name in ("command", "stderr"))
    except (ValueError, SyntaxError):
        return message
    return f"{words(command)} ended with {found['status']}: {words(stderr).strip() or _NONE}"


def words(value: object) -> str:
    """A value in words: items side by side, nothing for what is empty."""
    if value is None or value == "":
        return _NONE if value is None else "nothing (empty)"
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace") or _NONE
    if isinstance(value, Mapping):
        return _listed([f"{words(key)}={words(each)}" for key, each in value.items()])
    if isinstance(value, AbstractSet):
        return _listed(sorted(words(each) for each in value))
    if isinstance(value, Collection):
        return _listed([words(each) for each in value])
    return str(value)


def _listed(items: list[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more if items else _NONE


def _unequal(found: object, expected: object) -> str:
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        keys = [key for key in {**expected, **found} if found.get(key, ...) != expected.get(key, ...)]
        pairs = [f"{words(key)}: expected {_of(expected, key)}, found {_of(found, key)}" for key in keys]
        return "; ".join(pairs[:_SHOWN])
    if isinstance(found, AbstractSet) and isinstance(expected, AbstractSet) and found and expected:
        missing, more = expected - found, found - expected
        parts = [f"missing: {words(missing)}"] if missing else []
        return "; ".join(parts + ([f"not expected: {words(more)}"] if more else []))
    return f"expected {words(expected)}, found: {words(found)}"


def _of(mapping: Mapping[object, object], key: object) -> str:
    return words(mapping[key]) if key in mapping else _NONE


def _there(where: object, *, whole: bool = True) -> str:
    if isinstance(where, str):
        return f"in: {where}" if whole or len(where) < 300 else "in what was answered"
    if not isinstance(where, Collection):
        return "there"
    shown = f": {words(where)}" if whole and len(where) <= _SHOWN else ""
    return f"among the {len(where)} there{shown}" if where else "there: there is nothing at all"


def _read(message: str) -> str:
    """Out of ``assert X``, ``assert not X`` and ``assert X == Y`` as pytest writes them; anything else as it stands."""
    first = message.splitlines()[0].removeprefix("assert ").strip() if message else ""
    try:
        node = ast.parse(first, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _without_notes(message)
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand) if (value := _value(operand)) is not None:
            return f"expected nothing, found: {words(value[0])}"
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            sides = _value(left), _value(right)
            if sides[0] is not None and sides[1] is not None:
                return _unequal(sides[0][0], sides[1][0])
        case _ if (value := _value(node)) is not None:
            return "expected something, found nothing" if not value[0] else words(value[0])
    return _without_notes(message)


def _value(node: ast.expr) -> tuple[object] | None:
    """The literal that a node is, in a tuple since it may be None itself."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("frozenset", "set"):
        inner = _value(node.args[0]) if node.args else ((),)
        return (frozenset(inner[0]),) if inner and isinstance(inner[0], (set, list, tuple)) else None
    try:
        return (ast.literal_eval(node),)
    except (ValueError, TypeError, RecursionError):
        return None


def _without_notes(message: str) -> str:
    """Pytest's own explanation without what only helps in its process (``Use -v to get more diff``, ``+  where``)."""
    lines = [line.strip() for line in message.splitlines()]
    kept = [line for line in lines if line and not line.startswith(("Use -v", "...Full output", "(pytest_assertion"))]
    return "\n".join(kept).removeprefix("assert ")


def _without_sets(text: str) -> str:
    def items(found: re.Match[str]) -> str:
        try:
            value = ast.literal_eval(found[1] or "()")
        except (ValueError, SyntaxError):
            return found[0]
        return words(frozenset(value))

    return _SET.sub(items, text)
