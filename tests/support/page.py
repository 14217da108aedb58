"""Commands and files of a page of the documentation, by the name that stands in the line that opens their block."""

from __future__ import annotations

import re
from pathlib import Path

_BLOCK = re.compile(r"^```(?P<kind>\w+) (?P<name>\S+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, kind: str) -> dict[str, str]:
    """The named blocks of one kind (``sh``, ``rego``); a name that stands there twice is an error."""
    found: dict[str, str] = {}
    for block in _BLOCK.finditer(page.read_text()):
        if block["kind"] == kind:
            assert block["name"] not in found, block["name"]
            found[block["name"]] = block["text"]
    return found
