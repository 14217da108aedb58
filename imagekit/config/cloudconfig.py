"""Cloud-config files: the header, the keys, stages and steps that Kairos documents; see docs/cloud-config.md.

The text itself is handed to the node; here it is only checked and merged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from imagekit.base.errors import ConfigError
from imagekit.config.cloudstep import Document
from imagekit.config.explain import explained, fields_of, models_in, suggestion
from imagekit.config.yamlfile import Key, YamlFile, file_text, parse_yaml

# What the lists below were taken from: kairos-io/kairos v4.2.0-rc4 (sdk/types, sdk/schema, kairos-init) with yip
# 1.25.1, docs/reference/configuration.md and docs/architecture/cloud-init.md of kairos-io/kairos-docs, 21 August 2026.
SOURCE = "Kairos v4.2 (yip 1.25.1)"
HEADERS = ("#cloud-config", "#kairos-config", "#node-config")
_HEADER_LINES = 10
_NEARLY = re.compile(r"\s*#+\s*(cloud|kairos|node)[-_ ]?config\b", re.IGNORECASE)
# A word that a later Kairos or another provider knows: `# imagekit: known WORD...` on a line of its own in the file.
_KNOWN = re.compile(r"^\s*#\s*imagekit:\s*known\s+(?P<words>\S.*)$")

# The account of the test harness, added beside those of a profile; with this name no test could tell the two apart.
HARNESS_USER = "imagekit-test"

# Turned into stages by the node, and only in a file with the header #cloud-config.
CLOUD_INIT_KEYS = frozenset({"users", "ssh_authorized_keys", "write_files", "hostname", "runcmd", "growpart"})
_AGENT_KEYS = (
    *("install", "upgrade", "reset", "config_url", "options", "bundles", "fail_on_bundles_errors", "grub_options"),
    *("env", "debug", "strict", "cloud-init-paths", "eject-cd", "cosign", "verify", "cosign-key", "arch", "platform"),
    *("squash-compression", "squash-no-compression", "uki-max-entries", "bind-pcrs", "bind-public-pcrs", "logs"),
    *("kcrypt", "phonehome", "name"),
)
_PROVIDER_KEYS = ("p2p", "kubevip", "k3s", "k3s-agent", "k0s", "k0s-worker")
KEYS = frozenset({*CLOUD_INIT_KEYS, *_AGENT_KEYS, *_PROVIDER_KEYS, "stages"})

BOOT_STAGES = ("rootfs", "initramfs", "fs", "boot", "network")
_ACTION_STAGES = tuple(
    f"{when}-{action}{where}"
    for action in ("install", "upgrade", "reset")
    for when, where in (("before", ""), ("after", ""), ("after", "-chroot"))
)
_HOOK_STAGES = (
    "kairos-install.pre",
    "kairos-install.after",
    *(f"kairos-uki-{action}.{when}" for action in ("install", "upgrade", "reset") for when in ("pre", "after")),
)
_BASE_STAGES = (*BOOT_STAGES, "reconcile", *_ACTION_STAGES, *_HOOK_STAGES)
STAGES = frozenset(name + suffix for name in _BASE_STAGES for suffix in ("", ".before", ".after"))
# provider-kairos.bootstrap.before.<role>; the roles are the provider's.
_PROVIDER_STAGE = re.compile(r"provider-[a-z0-9-]+\.bootstrap\.(before|after)\.[a-z0-9-]+(\.before|\.after)?")


@dataclass(frozen=True, slots=True)
class CloudConfig:
    """A checked file: its text as it was written, key by key, and what the stage runner makes of it."""

    source: YamlFile
    document: Document


def read_cloud_config(path: Path) -> CloudConfig:
    """Check one file: header, documented keys, stages, and every step and user; raise `ConfigError` otherwise."""
    text = file_text(path)
    if text.startswith("\ufeff"):
        raise ConfigError(
            f"{path}:1: begins with a byte order mark, so a node does not find the header and ignores the file",
            hint=f"Save it as UTF-8 without one: sed -i '1s/^\\xEF\\xBB\\xBF//' {path}",
        )
    source = parse_yaml(text, path, as_written=True)
    lines = text.splitlines()
    header = next((line.strip() for line in lines[:_HEADER_LINES] if line.strip() in HEADERS), None)
    if header is None:
        near = next((line.strip() for line in lines if _NEARLY.match(line)), "")
        raise ConfigError(
            f"{path}:1: no {HEADERS[0]} header in the first {_HEADER_LINES} lines"
            + (
                f"; {near[:60]!r} is none: it stands alone on a line near the top, without blanks in it" if near else ""
            ),
            hint="Without the header a Kairos node ignores the file.",
        )
    if not isinstance(source.data, dict):
        raise ConfigError(
            f"{path}:1: the file must be a mapping", hint="Write keys below the header, or leave the file out."
        )
    meant = _meant(path, lines)
    _check_names(source, source.data, (), KEYS | meant, "key")
    _check_header(source, header)
    _check_stages(source, meant)
    try:
        document = Document.model_validate(_without(source.data, meant))
    except ValidationError as error:
        raise explained(Document, source, error) from None
    _check_used(source, meant, lines)
    _check_accounts(source)
    return CloudConfig(source, document)


def _check_stages(source: YamlFile, meant: frozenset[str]) -> None:
    stages = source.data.get("stages", {})
    if not isinstance(stages, dict):
        raise ConfigError(f"{source.path}:{source.line(('stages',))}: stages: must be a mapping of stage names")
    named = {name: steps for name, steps in stages.items() if not _PROVIDER_STAGE.fullmatch(name)}
    _check_names(source, named, ("stages",), STAGES | meant, "stage")
    for stage, steps in stages.items():
        if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
            line = source.line(("stages", stage))
            raise ConfigError(
                f"{source.path}:{line}: stages.{stage}: must be a list of steps", hint="Each step is a mapping."
            )


def _check_header(source: YamlFile, header: str) -> None:
    lost = [key for key in source.data if key in CLOUD_INIT_KEYS]
    if header != HEADERS[0] and lost:
        raise ConfigError(
            f"{source.path}:{source.line((lost[0],))}: {lost[0]}: a node runs only `stages` of a file with {header}",
            hint=f"Use the header {HEADERS[0]}, or write it as a step of a stage.",
        )


def _check_accounts(source: YamlFile) -> None:
    for key, line in source.lines.items():
        if key[-1] == HARNESS_USER and key[-2:-1] in (("users",), ("authorized_keys",)):
            raise _harness_account(source, line)
    for number, user in enumerate(source.data.get("users") or ()):
        if user.get("name") == HARNESS_USER:
            raise _harness_account(source, source.line(("users", number, "name")))


def _harness_account(source: YamlFile, line: int) -> ConfigError:
    return ConfigError(
        f"{source.path}:{line}: the account {HARNESS_USER} is the test harness's own",
        hint="Give yours another name: with this one no test could tell whether it works.",
    )


def _check_names(source: YamlFile, data: dict[str, Any], key: Key, known: frozenset[str], kind: str) -> None:
    for name in data:
        if name not in known:
            raise ConfigError(
                f"{source.path}:{source.line((*key, name))}: {kind} {name!r} means nothing to a node of {SOURCE}",
                hint=f"{suggestion(name, sorted(known))} Known: {', '.join(sorted(known))}. "
                f"If it is meant, write the line `# imagekit: known {name}` into the file.".lstrip(),
            )


def _meant(path: Path, lines: list[str]) -> frozenset[str]:
    """The words that the file's author vouches for; one that is known anyway is refused, for it would hide mistakes."""
    words: set[str] = set()
    for number, line in enumerate(lines, 1):
        if found := _KNOWN.match(line):
            words |= (named := set(found["words"].replace(",", " ").split()))
            if taken := sorted(named & (KEYS | STAGES | {*_words_of(Document)})):
                raise ConfigError(f"{path}:{number}: {taken[0]!r} is known without being declared", hint="Remove it.")
    return frozenset(words)


def _check_used(source: YamlFile, meant: frozenset[str], lines: list[str]) -> None:
    if unused := sorted(meant - {str(key[-1]) for key in source.lines}):
        number = next(n for n, line in enumerate(lines, 1) if _KNOWN.match(line) and unused[0] in line)
        raise ConfigError(
            f"{source.path}:{number}: {unused[0]!r} is declared as known, and the file has no such key",
            hint="Correct or remove the line.",
        )


def _without(data: Any, words: frozenset[str]) -> Any:
    """The same without the keys that only their author knows."""
    match data:
        case dict():
            return {key: _without(value, words) for key, value in data.items() if key not in words}
        case list():
            return [_without(item, words) for item in data]
        case _:
            return data


def _words_of(model: type[BaseModel]) -> Iterator[str]:
    """Every key that a model and those below it know."""
    for name, field in fields_of(model).items():
        yield name
        for inner in models_in(field.annotation):
            yield from _words_of(inner)
