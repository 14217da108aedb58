"""What the scanner found on a node, rule by rule, and what it comes to."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self

from imagekit.base.files import write_whole

_RULE = re.compile(r"::test_rule\[(rule_[\w.-]+)\]$")


class RuleResult(StrEnum):
    """The words of XCCDF 1.2 for how a rule ended (NIST IR 7275r4, table 26). Only `PASS` counts as passed."""

    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "notapplicable"
    NOT_CHECKED = "notchecked"
    NOT_SELECTED = "notselected"
    INFORMATIONAL = "informational"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of the profile; `id` begins with ``rule_``, `wants` is its description, `said` what the scanner added."""

    id: str
    title: str
    severity: str
    result: RuleResult
    wants: str = ""
    references: tuple[str, ...] = ()
    said: str = ""

    @property
    def message(self) -> str:
        """How it ended and what it wants, in one line."""
        parts = [f"the scanner says {self.result}, severity {self.severity}"]
        parts += [f"it said: {self.said}"] if self.said else []
        parts += [f"the rule wants: {self.wants}"] if self.wants else []
        parts += [f"references: {', '.join(self.references)}"] if self.references else []
        return f"openscap {self.id}: " + "; ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleWaiver:
    """A rule that only warns until a day (ISO date), with the reason; see `imagekit.config.layerfile`."""

    rule: str
    until: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a scan came to: `content` and `scanner` are packages with versions, `counts` rules by their result.

    `results` is the SHA-256 of the scanner's own file, `benchmark` the content's version in its own words.
    """

    suite: str
    profile: str
    benchmark: str
    content: str
    scanner: str
    results: str
    counts: Mapping[str, int] = field(default_factory=dict)
    not_applicable: tuple[str, ...] = ()

    @property
    def applicable(self) -> int:
        """The rules that the scanner held the node to, or should have."""
        return sum(self.counts.values()) - self.counts.get(RuleResult.NOT_APPLICABLE, 0)

    @property
    def passed(self) -> int:
        """Those that passed; one that is waived has not."""
        return self.counts.get(RuleResult.PASS, 0)

    @property
    def score(self) -> float:
        """Between 0 and 1; 0 where nothing applies, for then nothing was judged."""
        return self.passed / self.applicable if self.applicable else 0.0

    @property
    def short(self) -> str:
        """The numbers alone."""
        rest = {name: count for name, count in self.counts.items() if count and name != RuleResult.PASS}
        others = "".join(f", {count} {name}" for name, count in rest.items())
        return f"{self.passed} of {self.applicable} rules that apply ({self.score:.0%}){others}"

    @property
    def said(self) -> str:
        """In words."""
        return f"{self.profile}: {self.short}; {self.content}, {self.scanner}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The answer of a scan with what is waived: written for the checks' process, which makes a check of each rule.

    `mistaken` are rules that somebody waives and the content has not.
    """

    scan: Scan
    rules: tuple[Rule, ...]
    waived: tuple[RuleWaiver, ...] = ()
    mistaken: tuple[str, ...] = ()

    @property
    def applicable(self) -> tuple[Rule, ...]:
        """The rules that become checks."""
        return tuple(rule for rule in self.rules if rule.result is not RuleResult.NOT_APPLICABLE)

    def waiver_of(self, rule: str) -> RuleWaiver | None:
        """The waiver of a rule; of several the last."""
        return next((each for each in reversed(self.waived) if each.rule == rule), None)

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        write_whole(path, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote."""
        data = json.loads(path.read_text())
        scan = {**data["scan"], "not_applicable": tuple(data["scan"]["not_applicable"])}
        rules = [
            {**each, "result": RuleResult(each["result"]), "references": tuple(each["references"])}
            for each in data["rules"]
        ]
        return cls(
            scan=Scan(**scan),
            rules=tuple(Rule(**each) for each in rules),
            waived=tuple(RuleWaiver(**each) for each in data["waived"]),
            mistaken=tuple(data["mistaken"]),
        )


def rule_of(check: str) -> str:
    """The rule that a check of suite openscap is about; empty for any other check."""
    match = _RULE.search(check)
    return match[1] if match else ""


def counted(rules: tuple[Rule, ...]) -> dict[str, int]:
    """How many rules ended in which way; only what there is."""
    found = Counter(rule.result for rule in rules)
    return {str(word): found[word] for word in RuleResult if found[word]}
