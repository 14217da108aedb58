"""A small benchmark and the results of its evaluation, written by hand as XCCDF 1.2 has them."""

from __future__ import annotations

from collections.abc import Mapping

from imagekit.checks.scap.model import Rule, RuleResult, Scan, counted

PROFILE = "xccdf_org.example_profile_small"
_NAMESPACE = 'xmlns="http://checklists.nist.gov/xccdf/1.2"'
_RULE = """
  <Rule id="xccdf_org.example_rule_{name}" selected="false" severity="high">
    <title>Rule {name}</title>
    <description>Set <html:code xmlns:html="http://www.w3.org/1999/xhtml">{name}</html:code> to
      <sub idref="xccdf_org.example_value_days" use="legacy"/> days.</description>
    <reference href="https://example.org/benchmark/">1.2.3</reference>
    <reference href="https://example.org/controls">AC-6</reference>
    <reference href="https://example.org/controls">AC-7</reference>
  </Rule>"""
_SELECT = '\n    <select idref="xccdf_org.example_rule_{name}" selected="true"/>'
_ANSWER = """
    <rule-result idref="xccdf_org.example_rule_{name}" severity="medium">
      <result>{word}</result>{more}
    </rule-result>"""


def benchmark(
    answers: Mapping[str, str],
    *,
    selected: tuple[str, ...] | None = None,
    more: str = "",
    profile: str = PROFILE,
    end: str = ' end-time="2026-12-01T03:00:00"',
    results: int = 1,
) -> str:
    """A results file: each of the rules is selected, unless told otherwise, and ended as told."""
    wanted = tuple(answers) if selected is None else selected
    rules = "".join(_RULE.format(name=name) for name in dict.fromkeys((*answers, *wanted)))
    chosen = "".join(_SELECT.format(name=name) for name in wanted)
    told = "".join(_ANSWER.format(name=name, word=word, more=more) for name, word in answers.items())
    result = f"""
  <TestResult id="xccdf_org.example_testresult_x"{end}>
    <profile idref="{profile}"/>
    <set-value idref="xccdf_org.example_value_days">90</set-value>{told}
  </TestResult>"""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Benchmark id="xccdf_org.example_benchmark_x" {_NAMESPACE}>
  <version>0.1</version>
  <Profile id="{PROFILE}">
    <title>Small</title>{chosen}
  </Profile>{rules}{result * results}
</Benchmark>
"""


def scan_of(*rules: Rule) -> Scan:
    """What a scan with these rules comes to."""
    return Scan(
        suite="openscap",
        profile="xccdf_org.example_profile_small",
        benchmark="0.1",
        content="ssg-debian 0.1",
        scanner="openscap-scanner 1.4",
        results="0" * 64,
        counts=counted(rules),
        not_applicable=tuple(each.id for each in rules if each.result is RuleResult.NOT_APPLICABLE),
    )
