"""What to do about what tools say, where they do not say it themselves (pure); the first that fits counts."""

from __future__ import annotations

import re

_REMEDIES = (
    (
        r"Unable to locate package|has no installation candidate",
        "No source of the distribution has a package of this name: mend the name (`apt-cache search WORD` on such a "
        "machine lists them), or add the repository that has it.",
    ),
    (
        r"No match for argument:|Unable to find a match:|No package .* available",
        "No repository of the distribution has a package of this name: mend the name (`dnf search WORD` on such a "
        "machine lists them), or add the repository that has it.",
    ),
    (
        r"sshd does not accept its configuration",
        "Mend the line: sshd_config(5) has the words. The next build asks sshd again.",
    ),
    (
        r"^\[rule/|sssctl",
        "Mend the word: sssd.conf(5) and the page of its provider have them. The next build asks again.",
    ),
)
_STEP = re.compile(r'process "/bin/sh -c .* did not complete successfully')  # BuildKit's end of a step
# Lines of a step that say nothing of why it failed.
_NOISE = re.compile(r"^imagekit: (?:installing \d+ packages|error: lint found \d+ problem)")


def remedy(said: str) -> str:
    """What helps with a telling line; empty when that is not known."""
    return next((text for pattern, text in _REMEDIES if re.search(pattern, said)), "")


def hint_of(hint: str, what: str, said: str, again: str) -> str:
    """What to do about the telling line, where that is known, then what a card's own rows do not say.

    No telling line again, no command again, no call of a whole step, nothing that helps nobody.
    """
    told = {said, f"Again: {again}"}
    lines = (line.strip() for line in hint.strip().splitlines() if line.strip() not in what)
    kept = (line for line in lines if line not in told and not _NOISE.search(line) and not (said and _STEP.match(line)))
    return "\n".join(filter(None, (remedy(said), *kept)))
