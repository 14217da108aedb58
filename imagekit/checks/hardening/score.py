"""How much of a profile an image has, by the outcomes of its controls (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from imagekit.checks.hardening.catalogue import PROFILES, controls_of
from imagekit.checks.outcome import Outcome

_CONTROL = re.compile(r"::test_control\[([A-Z]{3}-\d\d)\]$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Controls of a profile: how many there are, which did not pass, and which nobody looked at."""

    profile: str
    total: int
    failed: tuple[str, ...]
    unseen: tuple[str, ...]

    @property
    def passed(self) -> int:
        """How many passed wherever they were looked at."""
        return self.total - len(self.failed) - len(self.unseen)

    @property
    def value(self) -> float:
        """Between 0 and 1; what was not looked at counts as not passed."""
        return self.passed / self.total if self.total else 0.0

    @property
    def short(self) -> str:
        """The numbers alone."""
        return f"{self.passed} of {self.total} controls ({self.value:.0%})"

    @property
    def said(self) -> str:
        """In words."""
        parts = [f"{self.profile}: {self.short}"]
        parts += [f"not passed: {', '.join(self.failed)}"] if self.failed else []
        parts += [f"not looked at: {', '.join(self.unseen)}"] if self.unseen else []
        return "; ".join(parts)


def control_of(check: str) -> str:
    """The id of the control that a check is about; empty for any other check."""
    match = _CONTROL.search(check)
    return match[1] if match else ""


def scores(outcomes: Iterable[tuple[str, str]]) -> tuple[Score, ...]:
    """The score of each profile; none where no control was looked at."""
    pairs = tuple(outcomes)
    if not any(_CONTROL.search(check) for check, _ in pairs):
        return ()
    return tuple(score(profile, pairs) for profile in PROFILES)


def score(profile: str, outcomes: Iterable[tuple[str, str]]) -> Score:
    """The score of a profile from pairs of check id and outcome, of all boot paths; a waived control has not passed.

    A control passes when every one of its outcomes is ``passed`` and there is one at least.
    """
    seen: dict[str, set[str]] = {}
    for check, outcome in outcomes:
        if match := _CONTROL.search(check):
            seen.setdefault(match[1], set()).add(outcome)
    ids = [each.id for each in controls_of(profile)]
    return Score(
        profile=profile,
        total=len(ids),
        failed=tuple(each for each in ids if each in seen and seen[each] != {Outcome.PASSED.value}),
        unseen=tuple(each for each in ids if each not in seen),
    )
