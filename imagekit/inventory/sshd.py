"""What sshd would do, from its configuration files as the image has them (pure).

sshd_config(5): the first value of a keyword counts, `Include` reads files where it stands, a `Match` block holds for
some connections only. A keyword that may stand several times keeps all its values.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from fnmatch import fnmatchcase

from imagekit.artifact.inventory import Inventory

FILES = r"etc/ssh/sshd_config|etc/ssh/sshd_config\.d/[^/]+|usr/share/crypto-policies/[^/]+/opensshserver\.txt"
_MAIN = "/etc/ssh/sshd_config"
_SEVERAL = frozenset(
    {
        *("acceptenv", "allowgroups", "allowusers", "denygroups", "denyusers", "hostcertificate", "hostkey"),
        *("listenaddress", "permitlisten", "permitopen", "port", "setenv", "subsystem"),
    }
)
_DEEPEST = 16  # as sshd itself allows


def sshd(contents: Inventory) -> dict[str, str]:
    """Keyword (lower case) to value; of a Match block ``match CRITERIA: keyword``. Empty without a configuration."""
    found: dict[str, str] = {}
    for block, keyword, value in _lines(contents, _MAIN, 0):
        key = f"match {block}: {keyword}" if block else keyword
        if keyword in _SEVERAL and key in found:
            if value not in found[key].split():
                found[key] = f"{found[key]} {value}"
        else:
            found.setdefault(key, value)
    return dict(sorted(found.items()))


def _lines(contents: Inventory, path: str, depth: int, block: str = "") -> Iterator[tuple[str, str, str]]:
    for line in contents.text(path).splitlines():
        keyword, value = _split(line)
        if keyword == "match":
            block = "" if value.lower() == "all" else " ".join(value.split()).lower()
        elif keyword == "include":
            for pattern in value.split() if depth < _DEEPEST else ():
                # A Match block of an included file ends with that file.
                for each in _included(contents, pattern):
                    yield from _lines(contents, each, depth + 1, block)
        elif keyword:
            yield block, keyword, value


def _split(line: str) -> tuple[str, str]:
    """Keyword and arguments; ``=`` may stand between, a remark at the end is none of them."""
    text = line.strip()
    if not text or text.startswith("#"):
        return "", ""
    first = text.split()[0]
    keyword, _, _ = first.partition("=")
    rest = text[len(keyword) :].lstrip(" \t=")
    try:
        words = shlex.split(rest, comments=True)
    except ValueError:
        words = rest.split()
    return keyword.lower(), " ".join(words)


def _included(contents: Inventory, pattern: str) -> list[str]:
    absolute = pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}"
    depth = absolute.count("/")
    return sorted(
        f"/{path}" for path in contents.paths if path.count("/") + 1 == depth and fnmatchcase(f"/{path}", absolute)
    )
