"""Secrets in the clear: what must not stand in a file that Git keeps and everybody with the repository reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from imagekit.config.yamlfile import Key

_FORMS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    # k0s packs a kubeconfig with gzip and writes it as base64; gzip's first bytes are always these.
    "a join token of k0s": re.compile(r"\bH4sI[A-Za-z0-9+/]{60,}"),
    "a bootstrap token": re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b"),
}
_KEYS = frozenset({"network_token", "token", "password"})
# crypt(5): a hash, or a mark that no password fits.
_HASHED = ("$", "!", "*")
HINT = (
    "Everybody who reads the repository reads it. Let the machine's own seed bring it, or a file that the node fetches."
)


def secrets_in(document: Any, key: Key = ()) -> Iterator[tuple[Key, str]]:
    """Each secret of a document: where it stands, and what it is."""
    if isinstance(document, Mapping):
        for name, value in document.items():
            yield from _under(name, value, (*key, name))
    elif isinstance(document, list | tuple):
        for index, value in enumerate(document):
            yield from secrets_in(value, (*key, index))
    elif isinstance(document, str):
        yield from ((key, what) for what, form in _FORMS.items() if form.search(document))


def _under(name: object, value: Any, key: Key) -> Iterator[tuple[Key, str]]:
    if isinstance(value, str) and value:
        if name in _KEYS:
            yield key, f"a {name}"
            return
        if name == "passwd" and not value.startswith(_HASHED):
            yield key, "a password that is not hashed"
            return
    yield from secrets_in(value, key)
