"""Join tokens in a cloud-config: what k0s would not take, before a node waits for a cluster that it cannot join."""

from __future__ import annotations

import base64
import binascii
import gzip
import shlex
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeGuard

from imagekit.config.jointoken import JoinTokenError, Role, read_join_token, wrong_with
from imagekit.config.written import mode_of, written_files
from imagekit.config.yamlfile import Key, YamlFile

USUAL = "/etc/k0s/token"  # where Kairos's provider and its documentation put it
SECTIONS = {"k0s-worker": Role.WORKER, "k0s": Role.CONTROLLER}
_OTHERS = 0o077
_HINT = "permissions: 0600"


def arguments(section: Any) -> list[str]:
    """The words that k0s is started with: entries of ``args`` are joined with blanks, and systemd splits the line."""
    given = section.get("args") if isinstance(section, Mapping) else None
    line = " ".join(map(str, given)) if isinstance(given, list) else ""
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def token_file(section: Any) -> str:
    """The path that a section's arguments name; empty without one."""
    words = arguments(section)
    for index, word in enumerate(words):
        name, _, value = word.partition("=")
        if name == "--token-file":
            return value or (words[index + 1] if index + 1 < len(words) else "")
    return ""


def wrong_tokens(source: YamlFile) -> Iterator[tuple[Key, str, str]]:
    """Files that are join tokens, and would not work as one; a secret is never part of what is said."""
    roles = {path: role for name, role in SECTIONS.items() if (path := token_file(source.data.get(name)))}
    for key, file in written_files(source):
        path = str(file.get("path", ""))
        if path != USUAL and path not in roles:
            continue
        mode = mode_of(key, file)
        if not path.endswith("token") and (mode is None or mode & _OTHERS):
            yield (*key, "permissions"), f"{path} can be read by every account of the node", _HINT
        yield from _judged(key, file, roles.get(path, Role.WORKER))


def both_roles(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What Kairos's provider decides without a word: text and hint."""
    if all(_enabled(document.get(name)) for name in SECTIONS):
        yield (
            "k0s and k0s-worker are both enabled: Kairos's provider starts the controller and passes over the worker",
            "Say `enabled: false` to one of them; a controller that runs pods has `args: [--enable-worker]`.",
        )


def unread_env(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """``env`` of a role, which Kairos's provider writes and no unit reads (provider-kairos v2.16): text and hint."""
    for name, role in SECTIONS.items():
        section = document.get(name)
        if _enabled(section) and section.get("env"):
            yield (
                f"{name}.env reaches nobody: Kairos's provider writes it to /etc/sysconfig/k0s{role}, and the unit has "
                "no EnvironmentFile",
                f"Write a drop-in k0s{role}.service.d/20-env.conf with Environment=, as profiles/proxy.yaml does.",
            )


def _enabled(section: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(section, Mapping) and str(section.get("enabled", "")) == "true"


def _judged(key: Key, file: dict[str, Any], role: Role) -> Iterator[tuple[Key, str, str]]:
    text = str(file.get("content") or "")
    if not text.strip() or "{{" in text:
        return  # an empty place, or one that the node fills
    where = (*key, "content")
    try:
        token = read_join_token(_written(text, str(file.get("encoding") or "")))
    except JoinTokenError as error:
        yield where, f"{file['path']} is no join token: {error}", error.hint
        return
    for each in wrong_with(token, now=datetime.now(UTC), role=role):
        yield where, f"{file['path']}: {each.text}", each.hint


def _written(text: str, encoding: str) -> str:
    """What stands on the node: yip unpacks what has an encoding, so that a token with one is none there."""
    if not encoding:
        return text
    try:
        data = base64.b64decode(text) if encoding.endswith("64") else text.encode()
        plain = gzip.decompress(data) if encoding.startswith("gz") else data
        return plain.decode("utf-8", "replace")
    except (binascii.Error, OSError, EOFError, zlib.error):
        return ""
