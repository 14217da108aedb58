"""What is read of XCCDF 1.2 (NIST IR 7275r4): the profiles of a data stream, and the results that `oscap` writes.

A results file holds the benchmark beside the results. The files are foreign, those of a node too: one that declares a
document type, and with it entities, is refused before it is parsed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.parsers import expat

from imagekit.base.errors import ToolError
from imagekit.base.text import one_line
from imagekit.checks.scap.model import Rule, RuleResult

MOST = 64 << 20  # bytes of a file that is read; data stream and results of Debian 13 have 14 and 9 MB
_X = "{http://checklists.nist.gov/xccdf/1.2}"
_LONGEST = 300  # characters of a description
_REFERENCES = 6
_BEST_LAST = (
    *(RuleResult.ERROR, RuleResult.UNKNOWN, RuleResult.FAIL, RuleResult.FIXED, RuleResult.NOT_CHECKED),
    *(RuleResult.INFORMATIONAL, RuleResult.PASS, RuleResult.NOT_APPLICABLE, RuleResult.NOT_SELECTED),
)


class XccdfError(ToolError):
    """A file is no XCCDF, or does not say what was asked for; nothing was judged by it."""


def profiles_of(datastream: Path) -> tuple[str, ...]:
    """The ids of its profiles; raises `XccdfError` for a file that is none."""
    return tuple(each.get("id", "") for each in _parsed(datastream).iter(f"{_X}Profile"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a results file says: the benchmark's version, the rules of the profile, and the ids of all there are."""

    benchmark: str
    rules: tuple[Rule, ...]
    known: frozenset[str]


def read_results(path: Path, profile: str) -> Answer:
    """Each rule that the profile selects, with its result.

    A rule that the profile selects and the scanner did not answer for is in error. Raises `XccdfError` for a file
    that has no result of one whole evaluation by this profile.
    """
    root = _parsed(path)
    benchmark = next(root.iter(f"{_X}Benchmark"), None)
    results = [] if benchmark is None else benchmark.findall(f"{_X}TestResult")
    if benchmark is None or len(results) != 1:
        raise XccdfError(f"{path.name} holds {len(results)} results of an evaluation, not one")
    (result,) = results
    asked = result.find(f"{_X}profile")
    if asked is None or asked.get("idref") != profile:
        raise XccdfError(f"{path.name} is about {_idref(asked) or 'no profile'}, not about {profile}")
    if not result.get("end-time"):
        raise XccdfError(f"{path.name}: the evaluation did not come to its end")
    answered = dict(_answers(result, path.name))
    known = {rule.get("id", ""): rule for rule in benchmark.iter(f"{_X}Rule")}
    values = {_idref(each): _text(each) for each in result.iter(f"{_X}set-value")}
    wanted = _selected(benchmark, profile) & known.keys()
    ids = [name for name in known if name in wanted or _word(answered.get(name)) is not RuleResult.NOT_SELECTED]
    return Answer(
        benchmark=_text(benchmark.find(f"{_X}version")),
        rules=tuple(_rule(known[name], answered.get(name), values) for name in ids),
        known=frozenset(map(_short, known)),
    )


def _parsed(path: Path) -> Element:
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST + 1)
    except OSError as error:
        raise XccdfError(f"{path.name} cannot be read: {error.strerror}") from None
    if len(data) > MOST:
        raise XccdfError(f"{path.name} is larger than {MOST} bytes")
    try:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = _refuse
        parser.Parse(data, True)
        return ElementTree.fromstring(data)
    except (expat.ExpatError, ElementTree.ParseError, ValueError) as error:
        raise XccdfError(f"{path.name} is no whole XML: {error}") from None


def _refuse(*_: object) -> None:
    raise XccdfError("the file declares a document type, which XCCDF has none of")


def _answers(result: Element, name: str) -> Iterator[tuple[str, Element]]:
    """What the scanner answered for each rule; of several answers (``multi-check``) the worst counts."""
    seen: dict[str, Element] = {}
    for each in result.findall(f"{_X}rule-result"):
        rule, word = _idref(each), _text(each.find(f"{_X}result"))
        if word not in set(RuleResult):
            raise XccdfError(f"{name} says {word or 'nothing'!r} of {rule}, which is no result of XCCDF")
        if rule not in seen or _BEST_LAST.index(_word(each)) < _BEST_LAST.index(_word(seen[rule])):
            seen[rule] = each
    yield from seen.items()


def _word(answer: Element | None) -> RuleResult:
    return RuleResult.NOT_SELECTED if answer is None else RuleResult(_text(answer.find(f"{_X}result")))


def _selected(benchmark: Element, profile: str) -> set[str]:
    """What a profile selects by name, with those that it extends; the nearest word counts."""
    known = {each.get("id", ""): each for each in benchmark.findall(f"{_X}Profile")}
    chain, name = list[Element](), profile
    while name in known:
        chain.insert(0, known.pop(name))
        name = chain[0].get("extends", "")
    chosen: dict[str, bool] = {}
    for each in chain:
        chosen |= {_idref(one): one.get("selected") in ("true", "1") for one in each.findall(f"{_X}select")}
    return {name for name, on in chosen.items() if on}


def _rule(rule: Element, answer: Element | None, values: Mapping[str, str]) -> Rule:
    word = _word(answer)
    said = _said(answer)
    if word is RuleResult.NOT_SELECTED:
        word, said = RuleResult.ERROR, "nothing: the profile selects this rule, and there is no answer for it"
    return Rule(
        id=_short(rule.get("id", "")),
        title=one_line(_text(rule.find(f"{_X}title"), values)),
        severity=rule.get("severity", "unknown") if answer is None else answer.get("severity", "unknown"),
        result=word,
        wants=one_line(_text(rule.find(f"{_X}description"), values), _LONGEST),
        references=tuple(_references(rule))[:_REFERENCES],
        said=one_line(said, _LONGEST),
    )


def _short(rule: str) -> str:
    """An id without who publishes it: ``xccdf_org.example_rule_x`` is ``rule_x``."""
    return "rule_" + rule.partition("_rule_")[2]


def _said(answer: Element | None) -> str:
    """The scanner's messages, and what the script of a rule wrote that is checked by one."""
    if answer is None:
        return ""
    words = [_text(each) for each in answer.findall(f"{_X}message")]
    words += [_text(each) for each in answer.iter(f"{_X}check-import") if each.get("import-name") == "stdout"]
    return " ".join(filter(None, words))


def _references(rule: Element) -> Iterator[str]:
    """The first number in each publication that it refers to, with the host of the publisher."""
    seen = set[str]()
    for each in rule.findall(f"{_X}reference"):
        place, number = each.get("href", ""), _text(each)
        if number and place not in seen:
            seen.add(place)
            publisher = place.partition("://")[2].partition("/")[0]
            yield one_line(f"{number} ({publisher})" if publisher else number, 80)


def _idref(element: Element | None) -> str:
    return "" if element is None else element.get("idref", "")


def _text(element: Element | None, values: Mapping[str, str] | None = None) -> str:
    """Its text without markup; a value that is to stand in it (``sub``) is the profile's."""
    return "" if element is None else " ".join("".join(_parts(element, values or {})).split())


def _parts(element: Element, values: Mapping[str, str]) -> Iterator[str]:
    yield values.get(_idref(element), "...") if element.tag == f"{_X}sub" else element.text or ""
    for child in element:
        yield from _parts(child, values)
        yield child.tail or ""
