"""What a cloud-config says and no node does: rules beyond keys and types, each from the reader that ignores it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path, PurePosixPath
from typing import Any

from imagekit.base.errors import ConfigError
from imagekit.config.cloudconfig import read_cloud_config
from imagekit.config.goyaml import as_bool
from imagekit.config.merge import merged_cloud_config
from imagekit.config.secrets import HINT, secrets_in
from imagekit.config.templates import unfilled_templates
from imagekit.config.tokenlint import both_roles, token_file, unread_env, wrong_tokens
from imagekit.config.written import mode_of, written_files
from imagekit.config.yamlfile import Key, YamlFile, texts


class Severity(StrEnum):
    """An error is ignored by the node, or does harm; a warning may be meant."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong; `line` is 0 for what is missing from all files together."""

    file: str
    line: int
    rule: str
    severity: Severity
    text: str
    hint: str = ""


Rule = Callable[[YamlFile], Iterator[tuple[Key, str, str]]]
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*")
_HOST_MAX = 253  # characters, RFC 1123 2.1 and RFC 1035 2.3.4
# envsubst of Flux (kustomize-controller, postBuild): `${name}` and `${name:-else}`; `$$` keeps a dollar.
_SUBSTITUTED = re.compile(r"(?<!\$)\$\{[A-Za-z_][A-Za-z0-9_]*(?:[:=+?/#%^,-][^}]*)?\}")
# Directories whose reader passes over a file by its name, and the names that it takes.
_NAMES = {
    "/etc/sysctl.d": (re.compile(r".+\.conf"), "sysctl.d(5) reads *.conf"),
    "/etc/modules-load.d": (re.compile(r".+\.conf"), "modules-load.d(5) reads *.conf"),
    "/etc/modprobe.d": (re.compile(r".+\.conf"), "modprobe.d(5) reads *.conf"),
    "/etc/tmpfiles.d": (re.compile(r".+\.conf"), "tmpfiles.d(5) reads *.conf"),
    "/etc/ssh/sshd_config.d": (re.compile(r".+\.conf"), "sshd_config includes *.conf"),
    "/etc/profile.d": (re.compile(r".+\.(sh|csh)"), "/etc/profile reads *.sh"),
    "/etc/sudoers.d": (re.compile(r"[^.~]+"), "sudoers(5) passes over names with a dot or a tilde"),
    "/etc/cron.d": (re.compile(r"[A-Za-z0-9_-]+"), "cron(8) takes letters, digits, _ and - only"),
    "/etc/NetworkManager/conf.d": (re.compile(r".+\.conf"), "NetworkManager.conf(5) reads *.conf"),
    "/etc/NetworkManager/system-connections": (
        re.compile(r".+\.nmconnection"),
        "the keyfile plugin reads *.nmconnection",
    ),
}
_CONNECTIONS = "/etc/NetworkManager/system-connections"
_OTHERS = 0o077
_MADE_BEFORE = ("kairos", "root")


def lint(path: Path, *, flux: bool = False, seed: bool = False) -> tuple[Finding, ...]:
    """Everything that is wrong with one file, by line. What is refused anyway is one finding, the first.

    With `flux` a `${...}` is an error: the file goes into a manifest whose Kustomization substitutes. A `seed` is
    handed to one machine and never kept in Git: secrets belong there.
    """
    try:
        source = read_cloud_config(path).source
    except ConfigError as error:
        return (_refused(path, error),)
    found = [
        _finding(source, key, rule, text, hint, Severity.ERROR)
        for rule, of in _ERRORS.items()
        if not (seed and rule == "secret")
        for key, text, hint in of(source)
    ]
    substituted = Severity.ERROR if flux else Severity.WARNING
    found += [_finding(source, key, "substitution", text, hint, substituted) for key, text, hint in _dollars(source)]
    found += [_template(line) for line in unfilled_templates(source)]
    found += [_finding(source, *each, Severity.WARNING) for each in _unlocked(source)]
    return tuple(sorted(found, key=lambda each: (each.line, each.rule, each.text)))


def lint_together(paths: Iterable[Path]) -> tuple[Finding, ...]:
    """What all files of one node together lack. Raises `ConfigError` for a file that is refused."""
    names = [str(path) for path in paths]
    document = merged_cloud_config(map(Path, names))
    where = " + ".join(names)
    return tuple(
        Finding(file=where, line=0, rule=rule, severity=severity, text=text, hint=hint)
        for rule, severity, text, hint in _lacks(document)
    )


def _refused(path: Path, error: ConfigError) -> Finding:
    at = re.match(re.escape(str(path)) + r":(\d+): ?", str(error))
    text = str(error)[at.end() :] if at else str(error)
    return Finding(
        file=str(path),
        line=int(at[1]) if at else 0,
        rule="refused",
        severity=Severity.ERROR,
        text=text,
        hint=error.hint or "",
    )


def _template(line: str) -> Finding:
    file, number, text = line.split(":", 2)
    return Finding(file=file, line=int(number), rule="template", severity=Severity.WARNING, text=text.strip())


def _finding(source: YamlFile, key: Key, rule: str, text: str, hint: str, severity: Severity) -> Finding:
    said = f"{'.'.join(map(str, key))}: {text}"
    return Finding(file=str(source.path), line=source.line(key), rule=rule, severity=severity, text=said, hint=hint)


def _unlocked(source: YamlFile) -> Iterator[tuple[Key, str, str, str]]:
    """Of an account that is there yip 1.25 takes the password alone, and the live medium gave `kairos` a known one."""
    for key, user in _accounts(source.data):
        if as_bool(user.get("lock_passwd")) and not user.get("passwd"):
            yield (
                (*key, "lock_passwd"),
                "account",
                "an account that is there before stays as it is, and on a live medium this one has a known password",
                'Write `passwd: "!"`, which locks it on every boot path.',
            )


def _accounts(data: Any) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Each place where a cloud-config speaks of an account that Kairos or the distribution made."""
    top = data.get("users") if isinstance(data, dict) else None
    for number, user in enumerate(top if isinstance(top, list) else []):
        if isinstance(user, dict) and user.get("name") in _MADE_BEFORE:
            yield ("users", number), user
    stages = data.get("stages") if isinstance(data, dict) else None
    for stage, steps in (stages or {}).items():
        for number, step in enumerate(steps or []):
            for name, user in (step.get("users") or {}).items():
                if name in _MADE_BEFORE and isinstance(user, dict):
                    yield ("stages", stage, number, "users", name), user


def _secrets(source: YamlFile) -> Iterator[tuple[Key, str, str]]:
    for key, what in secrets_in(source.data):
        yield key, f"{what} in the clear", HINT


def _dollars(source: YamlFile) -> Iterator[tuple[Key, str, str]]:
    for key, text in texts(source.data):
        for found in dict.fromkeys(_SUBSTITUTED.findall(text)):
            yield (
                key,
                f"{found} is replaced by Flux where the Kustomization substitutes, by nothing if it knows no such name",
                "Write it without braces, or annotate the object: kustomize.toolkit.fluxcd.io/substitute: disabled.",
            )


def _host_names(source: YamlFile) -> Iterator[tuple[Key, str, str]]:
    for key, text in texts(source.data):
        if key[-1] != "hostname" or "{{" in text:
            continue
        if len(text) > _HOST_MAX or not _LABEL.fullmatch(text):
            yield (
                key,
                f"{text!r} is no host name",
                "Letters, digits, hyphens; 63 at most between two dots (RFC 1123).",
            )


def _name_servers(source: YamlFile) -> Iterator[tuple[Key, str, str]]:
    for key, text in texts(source.data):
        if key[-3:-1] == ("dns", "nameservers") and "{{" not in text and not _is_address(text):
            yield key, f"{text!r} is no address of a name server", "resolv.conf(5) takes addresses, IPv4 or IPv6."


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text.partition("%")[0]))
    except ValueError:
        return False


def _keys(source: YamlFile) -> Iterator[tuple[Key, str, str]]:
    for key, text in texts(source.data):
        if not {"authorized_keys", "ssh_authorized_keys"} & set(key):
            continue
        if why := _bad_key(text):
            yield key, why, "One line of a .pub file, or github:USER, gitlab:USER, or an address."


def _bad_key(text: str) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_ssh_public_identity

    if re.match(r"(github|gitlab):\S+$|https?://\S+$", text) or "{{" in text:
        return ""
    at = re.search(r"(?:^|\s)((?:sk-)?(?:ssh|ecdsa)-\S+ \S+)", text)
    if at is None:
        return "no SSH key"
    try:
        load_ssh_public_identity(at[1].encode())
    except UnsupportedAlgorithm:
        return ""  # of a kind that only OpenSSH reads, such as a key on a token
    except ValueError as error:
        return f"not a whole SSH key ({error})"
    return ""


def _ignored_names(source: YamlFile) -> Iterator[tuple[Key, str, str]]:
    for key, file in written_files(source):
        path = PurePosixPath(str(file.get("path", "")))
        taken = _NAMES.get(str(path.parent))
        if taken is not None and not taken[0].fullmatch(path.name):
            yield (*key, "path"), f"{path} is read by nothing: {taken[1]}", "Give it a name that its reader takes."


def _readable(source: YamlFile) -> Iterator[tuple[Key, str, str]]:
    for key, file in written_files(source):
        path, mode = str(file.get("path", "")), mode_of(key, file)
        if path.startswith(f"{_CONNECTIONS}/") and (mode is None or mode & _OTHERS):
            yield (
                (*key, "permissions"),
                f"NetworkManager ignores {path} unless root alone may read it",
                "permissions: 0600",
            )
        elif path.endswith(("token", ".keytab")) and (mode is None or mode & _OTHERS):
            yield (*key, "permissions"), f"{path} can be read by every account of the node", "permissions: 0600"


def _lacks(document: dict[str, Any]) -> Iterator[tuple[str, Severity, str, str]]:
    users = list(_users(document))
    install = document.get("install")
    nousers = isinstance(install, dict) and str(install.get("nousers", "")) == "true"
    if not nousers and not any("admin" in groups for groups, _ in users):
        yield (
            "no-admin",
            Severity.ERROR,
            "no stage makes a user in group `admin`: kairos-agent refuses to install, upgrade and reset such a node",
            "Add `groups: [admin]` to a user, or say `install: {nousers: true}`.",
        )
    if users and not any(way_in for _, way_in in users) and not _has_keys(document):
        yield (
            "locked-out",
            Severity.WARNING,
            "no user has a key or a password: nobody can log in, unless the machine's seed brings one",
            "Add ssh_authorized_keys, or leave it to the seed.",
        )
    worker = document.get("k0s-worker")
    if isinstance(worker, dict) and str(worker.get("enabled", "")) == "true" and not token_file(worker):
        yield (
            "no-token",
            Severity.ERROR,
            "k0s-worker is enabled without --token-file: the worker has no cluster to join",
            "args: [--token-file, /etc/k0s/token]; the machine's seed brings the file.",
        )
    for text, hint in unread_env(document):
        yield "unread-env", Severity.ERROR, text, hint
    for text, hint in both_roles(document):
        yield "both-roles", Severity.WARNING, text, hint


def _users(document: dict[str, Any]) -> Iterator[tuple[list[str], bool]]:
    """Groups of each account, and whether it has a way in."""
    top = [user for user in document.get("users") or () if isinstance(user, dict)]
    steps = [step for each in (document.get("stages") or {}).values() for step in each]
    named = [user for step in steps for user in (step.get("users") or {}).values() if isinstance(user, dict)]
    for user in (*top, *named):
        passwd = str(user.get("passwd") or "")
        yield (
            [str(group) for group in user.get("groups") or ()],
            bool(user.get("ssh_authorized_keys")) or passwd[:1] == "$",
        )


def _has_keys(document: dict[str, Any]) -> bool:
    steps = [step for each in (document.get("stages") or {}).values() for step in each]
    return bool(document.get("ssh_authorized_keys")) or any(step.get("authorized_keys") for step in steps)


_ERRORS: dict[str, Rule] = {
    "secret": _secrets,
    "host-name": _host_names,
    "name-server": _name_servers,
    "ssh-key": _keys,
    "ignored-name": _ignored_names,
    "readable": _readable,
    "join-token": wrong_tokens,
}
