"""What is read of XCCDF: every word of a result, and files that say nothing whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.checks.scap.model import RuleResult
from imagekit.checks.scap.xccdf import XccdfError, profiles_of, read_results
from tests.support.xccdf import PROFILE, benchmark

WORDS = {word.name.lower(): str(word) for word in RuleResult if word is not RuleResult.NOT_SELECTED}


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "results.xml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read(tmp_path: Path, text: str | bytes) -> dict[str, RuleResult]:
    found = read_results(written(tmp_path, text), PROFILE)
    return {rule.id.removeprefix("rule_"): rule.result for rule in found.rules}


def test_every_word_is_kept(tmp_path: Path) -> None:
    assert read(tmp_path, benchmark(WORDS)) == {name: RuleResult(word) for name, word in WORDS.items()}


def test_a_rule_says_what_it_wants(tmp_path: Path) -> None:
    more = "<message severity='error'>no such object</message>"
    more += "<check system='x'><check-import import-name='stdout'>3 files\n</check-import></check>"
    found = read_results(written(tmp_path, benchmark({"age": "fail"}, more=more)), PROFILE)
    (rule,) = found.rules
    assert (found.benchmark, found.known) == ("0.1", frozenset({"rule_age"}))
    assert (rule.id, rule.title, rule.severity) == ("rule_age", "Rule age", "medium")
    assert rule.wants == "Set age to 90 days.", "markup is gone and the profile's value stands in it"
    assert rule.references == ("1.2.3 (example.org)", "AC-6 (example.org)")
    assert rule.said == "no such object 3 files"
    assert rule.message.startswith("openscap rule_age: the scanner says fail, severity medium; it said: no such object")


def test_a_rule_that_is_selected_and_has_no_answer_is_in_error(tmp_path: Path) -> None:
    text = benchmark({"there": "pass", "off": "notselected"}, selected=("there", "off", "gone"))
    assert read(tmp_path, text) == {"there": RuleResult.PASS, "off": RuleResult.ERROR, "gone": RuleResult.ERROR}


def test_a_rule_that_the_profile_does_not_select_is_left_out(tmp_path: Path) -> None:
    assert read(tmp_path, benchmark({"in": "pass", "out": "notselected"}, selected=("in",))) == {"in": RuleResult.PASS}


@pytest.mark.parametrize("words", [("pass", "fail"), ("fail", "pass"), ("notapplicable", "fail")])
def test_of_several_answers_the_worst_counts(tmp_path: Path, words: tuple[str, str]) -> None:
    text = benchmark({"twice": words[0]})
    end = text.index("\n  </TestResult>")
    answer = text[text.index("\n    <rule-result") : end]
    again = answer.replace(f"<result>{words[0]}<", f"<result>{words[1]}<")
    assert read(tmp_path, text[:end] + again + text[end:]) == {"twice": RuleResult.FAIL}


def test_a_profile_that_extends_another_has_its_rules_too(tmp_path: Path) -> None:
    name = "xccdf_org.example_profile_base"
    chosen = '<select idref="xccdf_org.example_rule_base" selected="true"/>'
    base = f'<Profile id="{name}"><title>B</title>{chosen}</Profile>'
    text = benchmark({"own": "pass", "base": "notselected"}, selected=("own",))
    text = text.replace(f'<Profile id="{PROFILE}">', f'{base}<Profile id="{PROFILE}" extends="{name}">')
    assert read(tmp_path, text) == {"own": RuleResult.PASS, "base": RuleResult.ERROR}


def test_an_address_that_is_none_is_no_reason_to_stop(tmp_path: Path) -> None:
    text = benchmark({"one": "pass"}).replace("https://example.org/controls", "https://[::1")
    (rule,) = read_results(written(tmp_path, text), PROFILE).rules
    assert rule.references[0] == "1.2.3 (example.org)"


ONE = benchmark({"one": "pass"})
ENTITY = '<!DOCTYPE Benchmark [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no whole XML"),
        (ONE[: len(ONE) // 2], "no whole XML"),
        (b"\x00\xff" + ONE.encode(), "no whole XML"),
        ("<html/>", "holds 0 results"),
        (benchmark({"one": "pass"}, results=0), "holds 0 results"),
        (benchmark({"one": "pass"}, results=2), "holds 2 results"),
        (
            benchmark({"one": "pass"}, profile="xccdf_org.example_profile_other"),
            "about xccdf_org.example_profile_other",
        ),
        (ONE.replace(f'<profile idref="{PROFILE}"/>', ""), "about no profile"),
        (benchmark({"one": "pass"}, end=""), "did not come to its end"),
        (benchmark({"one": "passed"}), "'passed' of xccdf_org.example_rule_one"),
        (ONE.replace("<result>pass</result>", ""), "'nothing' of"),
        (ONE.replace("?>\n", f"?>\n{ENTITY}\n", 1), "document type"),
        (ONE.replace("UTF-8", "UTF-16").replace("?>\n", f"?>\n{ENTITY}\n", 1).encode("utf-16"), "document type"),
    ],
)
def test_a_file_that_says_nothing_whole_is_an_error(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(XccdfError, match=says):
        read(tmp_path, text)


def test_an_evaluation_without_any_answer_has_no_rule(tmp_path: Path) -> None:
    """What is made of it is an error of its own, see test_checks.py."""
    assert read(tmp_path, benchmark({})) == {}


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(XccdfError, match="No such file"):
        read_results(tmp_path / "gone.xml", PROFILE)


def test_the_profiles_of_a_data_stream(tmp_path: Path) -> None:
    assert profiles_of(written(tmp_path, f"<ds>{ONE.partition('?>')[2]}</ds>")) == (PROFILE,)
