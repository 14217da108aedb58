"""What a run, a check, a scenario, a console line or a runbook page is about, as text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imagekit.app.logfile import NAMED, PAGES, known_line, read_log
from imagekit.app.runs import find_run, kept_runs
from imagekit.app.saidby import messages, spoken
from imagekit.base.errors import ConfigError
from imagekit.checks.hardening.catalogue import control
from imagekit.config.engine import CONTRACT, HARNESS, located
from imagekit.report.result import RunResult, read_result

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Explained:
    """An answer: `about` in one line, then a page of the runbook with its path."""

    about: str
    page: str
    text: str


def run_named(work: Path, word: str | None) -> RunResult | None:
    """The result of the last run, or of the run whose id begins so; None when `word` is no run."""
    if word is not None and not any(folder.name.startswith(word) for folder in kept_runs(work)):
        return None
    return read_result(find_run(work, word))


def explain(root: Path, word: str) -> Explained:
    """What the runbook says of a page, control, rule of SCAP content, check, scenario, message, or line of a log.

    Reads the project's files alone, so that it answers where the configuration is broken, too. Raises `ConfigError`
    for a word that is none of these, or that several checks with several pages have in their names or messages.
    """
    for find in (_page, _control, _rule, _scenario, _check, _promise, _message, _line, _pattern):
        if (found := find(root, word)) is not None:
            return found
    raise ConfigError(
        f"nothing is known of {word!r}",
        hint="Name a run, a check (layer/test_file.py::test_name or a part of it), a scenario, a hardening control, "
        "a rule of SCAP content, "
        "what a failed one said, a line or a file of a log, or a page of the runbook: "
        f"{', '.join(sorted(path.stem for path in located(root, PAGES).glob('*.md')))}.",
    )


def _reported(root: Path, name: str, about: str) -> Explained:
    path = located(root, PAGES) / f"{name}.md"
    text = path.read_text() if path.is_file() else f"There is no page {PAGES}/{name}.md; write one.\n"
    return Explained(about=about, page=f"{PAGES}/{name}.md", text=text)


def _page(root: Path, word: str) -> Explained | None:
    """By its name, its path, or a line that names it as reports do."""
    named = NAMED.search(word)
    name = (named[1] or named[2]) if named else word
    there = re.fullmatch(r"[\w-]+", name) and (located(root, PAGES) / f"{name}.md").is_file()
    return _reported(root, name, "") if there else None


def _control(root: Path, word: str) -> Explained | None:
    named = re.search(r"(?:^|\bhardening |::test_control\[)([A-Za-z]{3}-\d{2})\b", word)
    found = control(named[1]) if named else None
    if found is None:
        return None
    references = f"; {', '.join(found.references)}" if found.references else ""
    return _reported(root, "hardening", f"hardening {found.id}, level {found.level}: {found.title}{references}")


def _rule(root: Path, word: str) -> Explained | None:
    """A rule of SCAP content, by its id in reports or the content's own."""
    named = re.search(r"(?:^|[\s\[]|^xccdf_[\w.-]+_)(rule_\w[\w.-]*)", word)
    return _reported(root, "openscap", f"{named[1]} of the SCAP content") if named else None


def _scenario(root: Path, word: str) -> Explained | None:
    from imagekit.scenarios.table import SCENARIOS

    found = next((each for each in SCENARIOS if each.name == word), None)
    return _reported(root, "lifecycle", f"scenario {found.name}: {found.promise}") if found else None


@dataclass(frozen=True, slots=True)
class _Written:
    """A check as it stands in its file."""

    id: str
    title: str
    page: str
    line: int


def _check(root: Path, word: str) -> Explained | None:
    """A check by its id, with or without boot path and parameters, or by a part of it that fits only one."""
    asked = re.sub(r"\[.*\]$", "", re.sub(r"^\w+:(?!:)", "", word))
    known = list(_checks(located(root, HARNESS) / "checks"))
    found = [each for each in known if each.id == asked] or [
        each for each in known if len(asked) > 3 and (asked in each.id or asked in each.title)
    ]
    if not found:
        return None
    pages = {each.page for each in found}
    if len(pages) > 1:
        names = [each.id for each in found[:_SHOWN]]
        raise ConfigError(f"{word!r} is in the names of {len(found)} checks", hint="Name one:\n" + "\n".join(names))
    about = "\n".join(
        f"{each.title} ({HARNESS}/checks/{each.id.partition('::')[0]}:{each.line})" for each in found[:_SHOWN]
    )
    return _reported(root, found[0].page, about)


def _promise(root: Path, word: str) -> Explained | None:
    """A promise of the node contract, as ``FILE/NAME`` in a report of `imagekit conformance`."""
    for each in _checks(located(root, CONTRACT), "test_*.py"):
        file, name = each.id.partition("/")[2].split(".py::test_")
        if f"{file.removeprefix('test_')}/{name}" in re.split(r"[\s\[]", word):
            return _reported(root, "conformance", f"{each.title} ({CONTRACT}/{file}.py:{each.line})")
    return None


def _checks(folder: Path, files: str = "*/test_*.py") -> Iterator[_Written]:
    for path in sorted(folder.glob(files)):
        try:
            tree = ast.parse(path.read_text())
        except (SyntaxError, ValueError, OSError):
            continue  # the lint before a run names it
        marks = [node for node in tree.body if isinstance(node, ast.Assign) and _named(node, "pytestmark")]
        page = next(filter(None, map(_runbook, marks)), "harness")
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                own = next(filter(None, map(_runbook, node.decorator_list)), page)
                title = (ast.get_docstring(node) or node.name).splitlines()[0].rstrip(".")
                yield _Written(f"{path.parent.name}/{path.name}::{node.name}", title, own, node.lineno)


def _named(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


def _runbook(node: ast.AST) -> str:
    """The page in a ``pytest.mark.runbook("page")`` somewhere below a node."""
    for call in ast.walk(node):
        match call:
            case ast.Call(func=ast.Attribute(attr="runbook"), args=[ast.Constant(value=str(page)), *_]):
                return page
    return ""


def _message(root: Path, word: str) -> Explained | None:
    """A check, or a scenario, by what it says when it fails."""
    folder = located(root, HARNESS) / "checks"
    pages = {each.id: each.page for each in _checks(folder)}
    known = [
        (f"{path.parent.name}/{path.name}::{message.function}", message)
        for path in sorted(folder.glob("*/test_*.py"))
        for message in messages(path)
    ]
    found = [(name, message) for name, message in spoken(known, word) if name in pages]
    if not found:
        return _of_scenarios(root, word)
    about = "\n".join(f"said by {name} (line {message.line})" for name, message in found[:_SHOWN])
    own, speaks_of = {pages[name] for name, _ in found}, known_line(root, word)
    if len(own) > 1 and speaks_of is None:
        raise ConfigError(f"{len(found)} checks say such a thing", hint=f"Name one:\n{about}")
    page = own.pop() if len(own) == 1 else ""
    if speaks_of is not None and speaks_of[0] != page:
        about += f"\nThe line speaks of this, too: {speaks_of[1]} ({PAGES}/{speaks_of[0]}.md)"
    return _reported(root, page or (speaks_of or ("",))[0], about)


def _of_scenarios(root: Path, word: str) -> Explained | None:
    from imagekit import scenarios

    folder = Path(scenarios.__file__).parent
    known = [(path.name, message) for path in sorted(folder.rglob("*.py")) for message in messages(path)]
    found = spoken(known, word)
    return _reported(root, "lifecycle", f"said by a scenario ({found[0][1].function})") if found else None


def _line(root: Path, word: str) -> Explained | None:
    found = known_line(root, word)
    return _reported(root, found[0], f"{found[1]}: {word}") if found else None


def explain_log(root: Path, path: Path) -> str:
    """What the runbook knows of a file of lines, a row for each kind; raises `ConfigError` when that is nothing."""
    found = read_log(root, path)
    if not found:
        raise ConfigError(
            f"the runbook knows no line of {path}", hint="Pages by symptom: `imagekit explain index`, or docs/runbook/."
        )
    rows = [
        f"{PAGES}/{each.page}.md: {each.meaning}\n  line {each.line}{_more(each.count)}: {each.text}" for each in found
    ]
    pages = " ".join(dict.fromkeys(each.page for each in found))
    return "\n".join((*rows, f"\nThe first fault is most often the cause. Read on: imagekit explain PAGE ({pages})"))


def _more(count: int) -> str:
    return f" and {count - 1} more" if count > 1 else ""


def _pattern(root: Path, word: str) -> Explained | None:
    from imagekit.machine.console import load_patterns

    file = located(root, HARNESS) / "console-patterns.yaml"
    known = load_patterns(file) if file.is_file() else ()
    found = next((each for each in known if each.id == word or each.regex.search(word)), None)
    if found is None:
        return None
    return _reported(root, "boot", f"console, {found.id} ({found.severity}): {found.meaning}. {found.hint}")
