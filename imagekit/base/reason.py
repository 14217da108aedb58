"""The lines of a tool's output that say why it failed, whatever tool it was."""

from __future__ import annotations

import re

from imagekit.base.text import stripped

_LINES = 15
_REASONS = 5
_LONGEST = 400
# How programs begin or mark the line that counts: compilers and git, pytest, Go and BuildKit, Python, apt, systemd.
_WHY = re.compile(
    r"""(?ix)
    ^\s*(?:\S+:\s+)?(?:\x5b?(?:error|fatal|panic|usage\ error)\x5d?|e:|err!)\s*[:!]
    | ^E\s{2,}\S
    | ^imagekit:\ lint:\ | ^\[rule/
    | ^(?:[\w.]+\.)?\w*(?:Error|Exception|Interrupt)(?::\s|$)
    | \b(?:permission\ denied|no\ such\ file|no\ space\ left|command\ not\ found|cannot\ (?:open|find|allocate|stat))\b
    | \b(?:not\ found|failed\ to\ \w+|could\ not\ \w+|unable\ to\ \w+|killed|out\ of\ memory|segmentation\ fault)\b
    """
)
_OWN = re.compile(r"^INTERNALERROR> ?")  # before each line of what broke pytest itself
_SURE = re.compile(
    r"(?i)^\s*(?:\S+:\s+)?\[?(?:error|fatal|panic|usage error)\]?\s*[:!]|^E\s{2,}\S|^[\w.]*Error:\s"
    r"|^imagekit: lint: |^\[rule/"  # of a layer's lint, and of sssctl
)


def reasons(output: str) -> tuple[str, ...]:
    """The few lines that say why, in their order; those that tools mark as errors before those that only sound so."""
    lines = [_OWN.sub("", line).rstrip()[:_LONGEST] for line in stripped(output).splitlines() if line.strip()]
    sure = [line for line in lines if _SURE.search(line)]
    chosen = sure or [line for line in lines if _WHY.search(line)]
    return tuple(dict.fromkeys(chosen[-_REASONS:]))


def summary(output: str) -> str:
    """What to keep of a failed tool's output: the lines that say why, then its last lines, each once."""
    lines = stripped(output).strip().splitlines()
    last = [line[:_LONGEST] for line in lines[-_LINES:]]
    first = [line for line in reasons(output) if line not in {each.rstrip() for each in last}]
    return "\n".join([*first, *(["..."] if first else []), *last])
