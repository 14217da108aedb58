"""Words that come from a guest: hostile until cleaned."""

from __future__ import annotations

import re

# ECMA-48 control sequences: CSI, OSC (ended by BEL or ST) and the two-character escapes.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)?|[@-Z\\-_])")
# C0 without tab and newline, DEL, C1, and the characters that reorder or hide text (Unicode TR 9 and TR 36).
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def clean(text: str, limit: int = 4000) -> str:
    """`text` without control characters, at most about `limit` characters, the middle left out when longer."""
    if len(text) > 4 * limit:
        text = text[: 2 * limit] + text[-2 * limit :]
    plain = _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n")))
    if len(plain) <= limit:
        return plain
    half = limit // 2
    return f"{plain[:half]}\n[... {len(plain) - 2 * half} characters left out ...]\n{plain[-half:]}"


def one_line(text: str, limit: int = 200) -> str:
    """`text` cleaned and folded into one line of at most `limit` characters."""
    folded = " ".join(clean(text, 4 * limit).split())
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"
