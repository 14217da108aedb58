"""What OpenSCAP found on the node: every rule of the profile that applies is a check, required or waived by name.

`imagekit.app.scap` has scanned the node before these are run; rules that do not apply are in the report, and no checks.
"""

from __future__ import annotations

import pytest

from imagekit.checks import declared
from imagekit.checks.scap.model import Evaluation, Rule, RuleResult

pytestmark = pytest.mark.runbook("openscap")
FOUND = declared.scanned()
_NOBODY_JUDGED = (RuleResult.NOT_CHECKED, RuleResult.INFORMATIONAL)


def _parameter(found: Evaluation, rule: Rule) -> object:
    marks = [pytest.mark.title(f"{rule.id}, {rule.title}")]
    if (waiver := found.waiver_of(rule.id)) is not None:
        marks.append(pytest.mark.warn_only(until=waiver.until, ticket=waiver.reason))
    return pytest.param(rule, id=rule.id, marks=marks)


def test_the_content_applies_to_this_node() -> None:
    """The SCAP content is for this node: some of the profile's rules apply, and it has every waived one."""
    assert FOUND is not None, "nobody scanned the node"
    assert FOUND.applicable, f"none of the {len(FOUND.rules)} rules of {FOUND.scan.profile} applies to this node"
    assert not FOUND.mistaken, f"a layer.yaml waives what the content has not: {', '.join(FOUND.mistaken)}"


@pytest.mark.parametrize("rule", [_parameter(FOUND, each) for each in FOUND.applicable] if FOUND else [])
def test_rule(rule: Rule) -> None:
    """A rule of the SCAP content holds."""
    if rule.result in _NOBODY_JUDGED:
        pytest.skip(rule.message)
    if rule.result is RuleResult.FAIL:
        pytest.fail(rule.message)
    if rule.result is not RuleResult.PASS:
        raise RuntimeError(rule.message)
