"""Which modules PAM asks for each service, includes followed (pure). pam.d(5)"""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import basename

from imagekit.artifact.inventory import Inventory

FILES = r"(?:etc|usr/lib)/pam\.d/[^/]+"
_KINDS = ("auth", "account", "password", "session")
# The control may be a list in brackets with spaces in it: [success=1 default=ignore]
_RULE = re.compile(r"-?(?P<kind>auth|account|password|session)\s+(?P<control>\[[^\]]*\]|\S+)\s+(?P<rest>\S.*)")
_DEEPEST = 16


def pam(contents: Inventory) -> dict[str, tuple[str, ...]]:
    """Service to the lines in effect, ``KIND CONTROL MODULE ARGUMENTS``; a file that others include is no service."""
    texts = {basename(path): text for path, text in _files(contents)}
    included = {name for text in texts.values() for _, name in _includes(text)}
    return {name: tuple(_effective(texts, name, "", 0)) for name in sorted(texts) if name not in included}


def _files(contents: Inventory) -> list[tuple[str, str]]:
    """Those of /etc stand over those of /usr/lib; a link, as authselect makes them, is followed."""
    paths = [path for path in contents.paths if re.fullmatch(FILES, path)]
    ordered = sorted(paths, key=lambda path: (path.startswith("etc/"), path))
    return [(path, contents.text(f"/{path}")) for path in ordered if contents.text(f"/{path}")]


def _includes(text: str) -> Iterator[tuple[str, str]]:
    """Kind (empty: all of them) and file of each line that includes another."""
    for line in _joined(text):
        if line.startswith("@include"):
            yield "", line.split()[1] if len(line.split()) > 1 else ""
        elif (found := _RULE.match(line)) and found["control"] in ("include", "substack"):
            yield found["kind"], basename(found["rest"].split()[0])


def _effective(texts: dict[str, str], name: str, kind: str, depth: int) -> Iterator[str]:
    for line in _joined(texts.get(name, "")) if depth < _DEEPEST else ():
        if line.startswith("@include") and len(line.split()) > 1:
            yield from _effective(texts, line.split()[1], kind, depth + 1)
            continue
        found = _RULE.match(line)
        if found is None or (kind and found["kind"] != kind):
            continue
        if found["control"] in ("include", "substack"):
            yield from _effective(texts, basename(found["rest"].split()[0]), found["kind"], depth + 1)
        else:
            control = " ".join(found["control"].split())
            yield " ".join((found["kind"], control, *found["rest"].partition("#")[0].split()))


def _joined(text: str) -> Iterator[str]:
    """Lines without remarks, continued ones put together."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()
