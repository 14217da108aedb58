"""What checks judged of a cold boot, for sessions on forks of it: a boot itself is never judged on a fork.

The file lies beside the saved node. It names checks that passed, with a hash of their code: a check that was changed
since has to judge a cold boot anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from imagekit.base.errors import ConfigError
from imagekit.base.files import write_whole
from imagekit.checks.outcome import CheckResult, Outcome
from imagekit.checks.session import CheckMeta

NOT_ON_FORKS = "judges a boot itself, and no cold boot of this node was judged by it yet"


@dataclass(frozen=True, slots=True)
class Judged:
    """Checks that passed on a cold boot, by id: the hash of their code, and when that was, in words."""

    passed: Mapping[str, tuple[str, str]]

    def result(self, meta: CheckMeta) -> CheckResult:
        """What counts on a fork: passed as judged on the cold boot, or missing."""
        source, when = self.passed.get(meta.id, ("", ""))
        known = bool(meta.source) and source == meta.source
        return CheckResult(
            id=meta.id,
            layer=meta.layer,
            title=meta.title,
            outcome=Outcome.PASSED if known else Outcome.MISSING,
            seconds=0.0,
            required=meta.required,
            message=f"judged on {when}" if known else NOT_ON_FORKS,
            runbook=meta.runbook,
            ticket=meta.ticket,
            expires=meta.expires,
        )


NOTHING = Judged({})


def read_judged(path: Path | None) -> Judged:
    """What a file says; one that cannot be read says nothing, and then the checks have to judge a boot."""
    try:
        data = json.loads(path.read_text()) if path is not None else {}
        return Judged({str(name): (str(source), str(when)) for name, (source, when) in data["passed"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return NOTHING


def keep_judged(path: Path, metas: Iterable[CheckMeta], results: Iterable[CheckResult], when: str) -> None:
    """Keep what passed of a cold boot, and nothing of what did not; checks that were not run keep what they have.

    Where the node was not saved there is no place for it, and no fork to use it.
    """
    outcomes = {result.id: result.outcome for result in results}
    passed = dict(read_judged(path).passed)
    for meta in metas:
        if meta.cold and outcomes.get(meta.id) is Outcome.PASSED:
            passed[meta.id] = (meta.source, when)
        else:
            passed.pop(meta.id, None)
    with suppress(OSError, ConfigError):
        write_whole(path, json.dumps({"passed": passed}, indent=1) + "\n")


def code_hash(path: Path) -> str:
    """The code of the checks in a file: the file itself, and what is beside it and no file of checks."""
    beside = (each for each in path.parent.glob("*.py") if not each.name.startswith("test_"))
    parts = [f"{each.name} {sha256(each.read_bytes()).hexdigest()}" for each in sorted({path, *beside})]
    return sha256("\n".join(parts).encode()).hexdigest()
