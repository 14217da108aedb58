"""What a card tells to do, out of the hint of a stage (pure)."""

from __future__ import annotations

import re

from imagekit.base.remedies import remedy

_STEP = re.compile(r'process "/bin/sh -c .* did not complete successfully')  # BuildKit's end of a step
# Lines of a step that say nothing of why it failed.
_NOISE = re.compile(r"^imagekit: (?:installing \d+ packages|error: lint found \d+ problem)")


def hint_of(hint: str, what: str, said: str, again: str) -> str:
    """What to do about the telling line, where that is known, then what a card's own rows do not say.

    No telling line again, no command again, no call of a whole step, nothing that helps nobody.
    """
    known = remedy(said) or remedy(what)
    reported = {said, known, f"Again: {again}"}
    lines = (line.strip() for line in hint.strip().splitlines() if line.strip() not in what)
    kept = (
        line for line in lines if line not in reported and not _NOISE.search(line) and not (said and _STEP.match(line))
    )
    return "\n".join(filter(None, (known, *kept)))
