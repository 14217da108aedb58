"""What pydantic found wrong, reported with file, line and key, the allowed values and the likely intention."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from imagekit.base.errors import ConfigError
from imagekit.config.yamlfile import Key, YamlFile

M = TypeVar("M", bound=BaseModel)


def parsed(model: type[M], source: YamlFile) -> M:
    """A file's data as a model; raise `ConfigError` for the first thing that is wrong."""
    if not isinstance(source.data, dict):
        raise ConfigError(f"{source.path}:1: the file must be a mapping", hint="It starts with: version: 1")
    try:
        # Through JSON rules, so that lists become tuples and words become enums while types stay strict.
        return model.model_validate_json(json.dumps(source.data))
    except ValidationError as error:
        raise explained(model, source, error) from None


def explained(model: type[BaseModel], source: YamlFile, error: ValidationError) -> ConfigError:
    """The error that tells of the first thing wrong; later ones often follow from it."""
    details = sorted(error.errors(), key=lambda detail: _rank(model, source, detail))
    return ConfigError(_explain(model, source, details[0]))


def suggestion(word: str, known: Iterable[str]) -> str:
    """What was probably meant, as a sentence, or nothing."""
    import difflib

    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"Did you mean {close[0]!r}?" if close else ""


def _rank(model: type[BaseModel], source: YamlFile, detail: ErrorDetails) -> int:
    """A misspelt key is reported as unknown and as missing, a choice of two forms by each: the best comes first."""
    if detail["type"] != "extra_forbidden":
        return 2 if detail["type"] == "missing" else 1
    key = _real_key(source.data, detail["loc"])
    return 3 if str(key[-1]) in _allowed(model, key[:-1]) else 0


def _explain(model: type[BaseModel], source: YamlFile, detail: ErrorDetails) -> str:
    key = _real_key(source.data, detail["loc"])
    dotted = ".".join(str(part) for part in key) or "(file)"
    where = f"{source.path}:{source.line(key)}: {dotted}: "
    if detail["type"] == "extra_forbidden":
        allowed = _allowed(model, key[:-1])
        close = suggestion(str(key[-1]), allowed)
        return f"{where}unknown key. {close} Allowed here: {', '.join(allowed)}.".replace(".  ", ". ")
    if detail["type"] == "missing":
        return f"{where}required key is missing"
    message = _PLAIN.get(detail["type"]) or detail["msg"].removeprefix("Value error, ")
    given = detail["input"]
    if detail["type"] == "string_pattern_mismatch" and (meant := _described(model, key)):
        return f"{where}{given!r} does not fit; it is: {meant}"
    shown = "" if isinstance(given, dict | list) else f" (got {given!r})"
    close = suggestion(str(given), _words(message)) if detail["type"] in ("enum", "literal_error") else ""
    return f"{where}{message}{shown}. {close}".rstrip()


# What pydantic says in words of Python.
_PLAIN = {
    "model_type": "must be a mapping (`key: value` lines)",
    "dict_type": "must be a mapping (`key: value` lines)",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "string_type": "must be text; in quotes it is",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
}


def _words(message: str) -> list[str]:
    return message.replace(" or ", ",").replace("'", " ").replace(",", " ").split()


def _real_key(data: Any, loc: tuple[str | int, ...]) -> Key:
    """Drop the names of union members that pydantic puts into a location."""
    key: list[str | int] = []
    here = data
    for index, part in enumerate(loc):
        if _has(here, part):
            here = here[part]
        elif index < len(loc) - 1 or not isinstance(here, dict | list):
            continue
        else:
            here = None
        key.append(part)
    return tuple(key)


def _has(data: Any, part: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(part, int) and part < len(data)
    return isinstance(data, dict) and part in data


def _allowed(model: type[BaseModel], key: Key) -> list[str]:
    """The keys that a mapping at `key` may have."""
    models: list[type[BaseModel]] = [model]
    for part in key:
        models = [found for each in models for found in _children(each, part)] or models
    return sorted({name for each in models for name in fields_of(each)})


def _described(model: type[BaseModel], key: Key) -> str:
    """What the description of a key says in words; a pattern says it to nobody. Empty for items of lists and maps."""
    models: list[type[BaseModel]] = [model]
    for part in key[:-1]:
        models = [found for each in models for found in _children(each, part)]
    fields = (fields_of(each).get(str(key[-1])) for each in models) if key else iter(())
    return next((field.description for field in fields if field is not None and field.description), "")


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields by the names that they have in a file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _children(model: type[BaseModel], part: str | int) -> list[type[BaseModel]]:
    field = fields_of(model).get(str(part))
    return models_in(field.annotation) if field is not None else []


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that a field of this type may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in models_in(part)]
