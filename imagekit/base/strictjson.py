"""The one reader of JSON that others wrote: manifests, image configs, envelopes, answers of registries.

Two readers that take one document differently are two documents. Go's encoding/json (docker, containerd, crane,
cosign) takes the last of two equal keys and, for the fields of a struct, any letter case (`Layers` for `layers`, also
with U+017F for s); Python takes the last equal key and one letter case. What can be read in two ways is therefore
refused: https://pkg.go.dev/encoding/json#Unmarshal, RFC 8259 sections 4, 8.1 and 8.2.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from imagekit.base.errors import RefusedError

LIMIT = 4 << 20  # bytes; what a registry has to take as a manifest
DEPTH = 64
_INTEGERS = range(-(1 << 63), 1 << 64)  # what int64 or uint64 of other readers hold
_HINT = "Readers differ in what such a document says. Do not use what it describes; ask who made it."
# Below these keys stand names that people gave, for which letter case makes a difference in every reader.
MAPS = frozenset(
    {
        *("annotations", "labels", "Labels", "Volumes", "ExposedPorts", "OnBuild", "Env"),
        *("auths", "credHelpers", "HttpHeaders", "proxies", "plugins"),
    }
)
# https://github.com/opencontainers/image-spec: what is asked for in manifests, indices and their descriptors,
MANIFEST_FIELDS = (
    *("schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "subject", "annotations"),
    *("digest", "size", "urls", "data", "platform", "architecture", "os", "variant", "tags"),
)
# and in the configuration of an image.
CONFIG_FIELDS = ("config", "Labels", "architecture", "os", "variant", "created", "rootfs", "diff_ids", "history")


class ForeignJsonError(RefusedError, ValueError):
    """A document that is no JSON, or that readers may take differently."""


def read_json(
    data: bytes | str,
    where: str,
    *,
    fields: Collection[str] = (),
    maps: Collection[str] = MAPS,
    limit: int = LIMIT,
) -> Any:
    """Read one JSON document: UTF-8 without a mark, at most `limit` bytes and `DEPTH` levels, numbers of 64 bits.

    No object has a key twice. Outside the objects below a key of `maps` no two keys differ by letter case alone, and
    none differs so from one of `fields`, the names that the caller is going to ask for. Raises `ForeignJsonError`
    naming `where`.
    """
    text = _text(data, where, limit)
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_number, parse_float=_finite, parse_int=_integer
        )
        # UTF-8 has no halves of surrogate pairs: without an escape only a text of ours can hold one.
        halves = "\\u" in text or isinstance(data, str)
        _require_unmistakable(value, {each.casefold(): each for each in fields}, frozenset(maps), halves=halves)
    except ForeignJsonError as error:
        raise ForeignJsonError(f"{where}: {error}", hint=_HINT) from None
    except RecursionError:
        raise ForeignJsonError(f"{where}: JSON nested deeper than {DEPTH} levels", hint=_HINT) from None
    except ValueError as error:
        raise ForeignJsonError(f"{where}: not valid JSON ({error})", hint="Look at the file or the answer.") from None
    return value


def read_object(
    data: bytes | str,
    where: str,
    *,
    fields: Collection[str] = (),
    maps: Collection[str] = MAPS,
    limit: int = LIMIT,
) -> dict[str, Any]:
    """Read a document that has to be an object; otherwise as `read_json`."""
    value = read_json(data, where, fields=fields, maps=maps, limit=limit)
    if not isinstance(value, dict):
        raise ForeignJsonError(f"{where}: an object was expected, found {type(value).__name__}")
    return value


def _text(data: bytes | str, where: str, limit: int) -> str:
    """The characters of the document. UTF-16 and UTF-32, which `json.loads` guesses from bytes, are no JSON here."""
    if len(data) > limit:
        raise ForeignJsonError(f"{where}: more than {limit} bytes of JSON", hint=_HINT)
    if isinstance(data, str):
        return data
    try:
        return bytes(data).decode("utf-8")
    except UnicodeDecodeError:
        raise ForeignJsonError(f"{where}: not valid JSON (not UTF-8)", hint="JSON is written in UTF-8.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ForeignJsonError(f"the key {_shown(twice)} stands twice in one object")
    return found


def _no_number(text: str) -> Any:
    raise ForeignJsonError(f"{text} is no number in JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ForeignJsonError(f"the number {_shown(text)} is out of range")
    return value


def _integer(text: str) -> int:
    # int() of a long text takes quadratic time; 20 digits and a sign are the most that 64 bits need.
    if len(text) > 20 or (value := int(text)) not in _INTEGERS:
        raise ForeignJsonError(f"the number {_shown(text)} is out of range")
    return value


def _require_unmistakable(value: Any, fields: dict[str, str], maps: frozenset[str], *, halves: bool) -> None:
    """Walk without recursion, so that depth is an answer and no crash; `halves`: strings may hold half characters."""
    waiting: list[tuple[Any, int, bool]] = [(value, 1, False)]
    while waiting:
        item, depth, names = waiting.pop()
        if depth > DEPTH and isinstance(item, dict | list):
            raise RecursionError
        if isinstance(item, str) and halves:
            _require_scalars((item,))
        elif isinstance(item, list):
            waiting.extend((each, depth + 1, False) for each in item if halves or isinstance(each, dict | list))
        elif isinstance(item, dict):
            if halves:
                _require_scalars(item)
            if not names:
                _require_one_spelling(item, fields)
            waiting.extend(
                (each, depth + 1, key in maps) for key, each in item.items() if halves or isinstance(each, dict | list)
            )


def _require_one_spelling(keys: Collection[str], fields: dict[str, str]) -> None:
    spelt = {key.casefold() for key in keys}
    if len(spelt) == len(keys) and all(fields[each] in keys for each in spelt & fields.keys()):
        return
    seen: dict[str, str] = {}
    for key in keys:
        folded = key.casefold()
        other = seen.setdefault(folded, key)
        known = fields.get(folded, key)
        if other != key or known != key:
            twin = other if other != key else known
            raise ForeignJsonError(f"the key {_shown(key)} differs from {_shown(twin)} by letter case alone")


def _require_scalars(texts: Iterable[str]) -> None:
    """A lone surrogate (`\\ud800`) is another character in every reader, and no UTF-8 can be made of it."""
    for text in texts:
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise ForeignJsonError("half of a surrogate pair stands in a string")


def _shown(text: str) -> str:
    return ascii(text[:80])
