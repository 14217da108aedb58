"""Words that others wrote, made fit to be shown: guests, registries, tools, git, files and names of theirs.

A terminal obeys what is in a text: escape sequences, C1 controls, characters that turn the direction or are not seen.
Whatever is printed, logged or put into a report goes through here; what is kept on disk is kept as it came.
"""

from __future__ import annotations

import re

# ECMA-48: CSI; OSC, DCS, SOS, PM and APC (each ended by BEL or ST); the other two-character escapes.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)?|[ -/]*[0-Z\\`-~])")
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
# C0 without tab and newline, DEL, C1; what reorders or hides text or has no glyph (Unicode TR 9 and 36); halves of
# surrogate pairs, and what XML does not have.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SECRET = "[not shown]"
# Credentials in a form of their own: an Authorization header (RFC 9110 11.4), a JWT (RFC 7519), tokens of forges.
_GRANTS = re.compile(
    r"""(?ix)
    (authorization["']?\s*[:=]\s*["']?) (?:[a-z][a-z0-9-]*\s+)? [^\s"',;}]+
    | (\b(?:bearer|basic|negotiate)\s+) (?-i:(?=[A-Za-z0-9._~+/-]*[0-9A-Z+/])) [a-z0-9._~+/-]{8,}=*
    | (\b) (?:eyJ[\w-]{8,}\.[\w-]+\.[\w-]* | gh[pousr]_[A-Za-z0-9]{20,} | glpat-[\w-]{16,})
    """
)
# What an answer of a server says under such a name, with or without quotes.
_FIELDS = re.compile(
    r"""(?ix)
    ((?<![/\w]) (?:access_?|refresh_?|identity_?|registry_?|id_?)? (?:token|password|passwd|secret|auth)
     \b ["']? \s* [:=] \s* ["']?) [^\s"',;&}]{4,}
    """
)


def stripped(text: str) -> str:
    """`text` without escape sequences and without the characters that a terminal obeys or nobody sees."""
    return text if _plain(text) else _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n")))


def printable(text: str) -> str:
    """`text` for a terminal: colours go, and for each other such character stands U+FFFD, so that it shows."""
    return text if _plain(text) else _CONTROLS.sub("\ufffd", _COLOURS.sub("", text.replace("\r\n", "\n")))


def redacted(text: str) -> str:
    """`text` without the credentials in it that are known by their form."""
    return _GRANTS.sub(lambda found: next(filter(None, found.groups()), "") + _SECRET, text)


def answered(text: str) -> str:
    """What a server says, without any credentials of ours that it may have echoed."""
    return _FIELDS.sub(lambda found: found[1] + _SECRET, redacted(text))


def clean(text: str, limit: int = 4000) -> str:
    """`text` as `stripped`, at most about `limit` characters, the middle left out when longer."""
    if len(text) > 4 * limit:
        text = text[: 2 * limit] + text[-2 * limit :]
    plain = stripped(text)
    if len(plain) <= limit:
        return plain
    half = limit // 2
    return f"{plain[:half]}\n[... {len(plain) - 2 * half} characters left out ...]\n{plain[-half:]}"


def one_line(text: str, limit: int = 200) -> str:
    """`text` cleaned and folded into one line of at most `limit` characters."""
    folded = " ".join(clean(text, 4 * limit).split())
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable()
