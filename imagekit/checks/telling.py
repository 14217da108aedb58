"""Tell how the checks go while they run: which one ended, and at once and whole what did not pass."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagekit.base.log import progress, trouble
from imagekit.base.text import one_line
from imagekit.checks.outcome import Outcome
from imagekit.checks.session import Event, read_events

_PYTEST_LINE = re.compile(
    r"(?P<layer>[\w-]+)/test_\w+\.py::test_(?P<check>\S+) (?P<word>[A-Z]+) +\[ *(?P<share>\d+)%\]"
)
_FINE = ("PASSED",)
_LONGEST = 2000


@dataclass(slots=True)
class Teller:
    """Called with each line that pytest writes; the file of events has what the line is about by then."""

    events: Path
    reported: set[str] = field(default_factory=set)

    def __call__(self, line: str) -> None:
        """Tell one line of pytest's; those that are not about a check say nothing."""
        found = _PYTEST_LINE.search(line[:300])  # a long line may be the guest's
        if found is None:
            return
        if found["word"] not in _FINE:
            self._tell_trouble()
        progress(one_line(f"{found['layer']}: {found['check']} {found['word'].lower()}, {found['share']} %", 100))

    def _tell_trouble(self) -> None:
        known: dict[str, dict[str, Any]] = {}
        for event in read_events(self.events):
            if event["event"] == Event.COLLECTED:
                known[event["id"]] = event
            elif event["event"] == Event.ENDED and event["outcome"] != Outcome.PASSED:
                self._tell(known.get(event["id"], {}), event)

    def _tell(self, check: dict[str, Any], ended: dict[str, Any]) -> None:
        if ended["id"] in self.reported:
            return
        self.reported.add(ended["id"])
        required, person = bool(check.get("required", True)), check.get("muted_by", "")
        by = f"muted by {person}" if person else "warns only"
        # What the project itself lets pass until a day is told in a line: the report has why. A ticket has no spaces.
        short = not required and not person
        ticket = "" if required or (short and " " in check["ticket"]) else f", {check['ticket']}"
        muted = "" if required else f" ({by} until {check['expires']}{ticket})"
        why = f": {ended['message']}" if ended["message"] and not short else ""
        said = f"{check.get('layer', '')} {ended['outcome']}: {check.get('title', ended['id'])}{muted}{why}"
        trouble(one_line(said, _LONGEST), blocks=required)
