"""What a profile promises, as questions to a node (pure): one for every account, key, file, name, unit and stage in it.

What was tested is what ships: the harness's own account lies beside the profile's, so a profile that does not arrive,
or of which a part does not, is found here and nowhere else. Not asked: keys that a node fetches from GitHub or GitLab
(a test machine has no such network), steps for other distributions (`only_*`, `if_files`), and what commands do.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from imagekit.artifact.seed import MARKED_STAGES, MARKS, declared_stages
from imagekit.config.cloudstep import Directory, Document, File, Step, User, WriteFile

_PLACES = "((^|[^m])/oem/|/usr/local/cloud-config/)"  # not /system/oem/: some of Kairos's own steps fail at each boot
# What stage runners write of a user's file that they cannot use, and of a step that failed (grep -E); and what yip
# writes of a step whose condition does not hold, which names the condition and calls that an error, too.
COMPLAINTS = f"(error|ERR|skipping a config).*{_PLACES}|{_PLACES}.*(stages are not run|cannot unmarshal)"
NO_COMPLAINT = r"Skipping stage \(if statement error: "
_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_FETCHED = ("github:", "gitlab:")


@dataclass(frozen=True, slots=True)
class Question:
    """Something that must hold: a shell command run as root, and the expression that all it says must match."""

    title: str
    command: str
    wanted: str

    def answered_by(self, said: str) -> bool:
        """Whether the node's answer keeps the promise."""
        return re.fullmatch(self.wanted, said.strip(), re.DOTALL) is not None


NOTHING = Question("nothing is declared", "true", "")


def questions(document: Document, data: Mapping[str, Any]) -> tuple[Question, ...]:
    """All that a merged profile promises of a node that booted with it; `data` is the same, as it was written.

    Where one thing is declared twice the later stage counts, as on the node.
    """
    found: dict[str, Question] = {}
    for question in (*_stages(data), *_top(document), *_steps(document)):
        found[question.title] = question
    return tuple(found.values()) or (NOTHING,)


def _stages(data: Mapping[str, Any]) -> Iterator[Question]:
    for stage in declared_stages(data):
        yield Question(f"stage {stage} ran", f"ls {MARKS} | grep -xF {stage}", re.escape(stage))


def _top(document: Document) -> Iterator[Question]:
    """The keys that cloud-init has too; keys for everybody go to each user, to root without any."""
    for user in document.users:
        yield from _user(user.name, user, "")
    for name in [user.name for user in document.users] or ["root"]:
        yield from _keys(name, document.ssh_authorized_keys, "")
    for written in document.write_files:
        yield from _written(written)
    if document.hostname:
        yield _hostname(document.hostname, "")


def _steps(document: Document) -> Iterator[Question]:
    for stage in MARKED_STAGES:
        # Stage rootfs works on the initrd's root, of which nothing is left.
        for step in document.stages.get(stage, ()) if not stage.startswith("rootfs") else ():
            if not (
                step.only_os or step.only_os_version or step.only_arch or step.only_service_manager or step.if_files
            ):
                yield from _step(step)


def _step(step: Step) -> Iterator[Question]:
    when = step.condition
    for name, user in step.users.items():
        yield from _user(name, user, when)
    for name, keys in step.authorized_keys.items():
        yield from _keys(name, keys, when)
    for directory in step.directories:
        yield from _inode(directory, "d", when)
    for file in step.files:
        yield from _inode(file, "f", when)
        yield from _content(file.path, file.content, file.encoding, when)
    if step.hostname:
        yield _hostname(step.hostname, when)
    yield from _kernel(step, when)
    yield from _network(step, when)
    yield from _units(step, when)
    for name, value in step.environment.items():
        path = step.environment_file or "/etc/environment"
        pattern = re.escape(name) + "=[\"']?" + _loose(value) + "[\"']?"
        yield _asked(
            f"{name} is set in {path}", f"grep -a {_q('^' + name + '=')} {_q(path)} | tail -n 1", pattern, when
        )


def _user(name: str, user: User, when: str) -> Iterator[Question]:
    fields = {
        "number": (3, user.uid),
        "comment": (5, user.gecos),
        "home": (6, user.homedir),
        "shell": (7, user.shell),
    }
    yield _asked(f"account {name} is there", f"getent passwd {_q(name)} | cut -d: -f1", re.escape(name), when)
    for what, (number, value) in fields.items():
        if value:
            command = f"getent passwd {_q(name)} | cut -d: -f{number}"
            yield _asked(f"account {name} has the {what} {value}", command, re.escape(value), when)
    for group in (*user.groups, *([user.primary_group] if user.primary_group else [])):
        command = f"id -nG {_q(name)} | tr ' ' '\\n' | grep -xF {_q(group)}"
        yield _asked(f"account {name} is in group {group}", command, re.escape(group), when)
    if user.lock_passwd or user.passwd.startswith(("!", "*")):
        yield _asked(f"account {name} is locked", _password(name), "locked", when)
    elif user.passwd:
        yield _asked(f"account {name} has a password", _password(name), "set", when)
    yield from _keys(name, user.ssh_authorized_keys, when)


def _password(name: str) -> str:
    field = f"$(getent shadow {_q(name)} | cut -d: -f2)"
    return f"case {field} in '!'*|'*'*) echo locked;; '') echo empty;; *) echo 'set';; esac"


def _keys(name: str, keys: tuple[str, ...], when: str) -> Iterator[Question]:
    home = f'"$(getent passwd {_q(name)} | cut -d: -f6)"/.ssh/authorized_keys'
    for key in (key.strip() for key in keys):
        if not key.startswith(_FETCHED):
            words = key.split()
            yield _asked(
                f"key {words[-1][:40]} of account {name} is there",
                f"grep -cxF {_q(key)} {home}",
                r"[1-9]\d*",
                when,
            )


def _written(file: WriteFile) -> Iterator[Question]:
    if file.permissions:
        mode = int(file.permissions, 8)
        yield _asked(f"file {file.path} has its mode", f"stat -c %a {_q(file.path)}", f"{mode:o}", "")
    if file.owner:
        owner = re.escape(file.owner) + ("" if ":" in file.owner else ":.*")
        yield _asked(f"file {file.path} has its owner", f"stat -c %U:%G {_q(file.path)}", owner, "")
    yield from _content(file.path, file.content, file.encoding, "")


def _inode(wanted: Directory, kind: str, when: str) -> Iterator[Question]:
    what = "directory" if kind == "d" else "file"
    yield _asked(f"{what} {wanted.path} is there", f"test -{kind} {_q(wanted.path)} && echo yes", "yes", when)
    if wanted.permissions:
        mode = f"{wanted.permissions:o}"
        yield _asked(f"{what} {wanted.path} has its mode", f"stat -c %a {_q(wanted.path)}", mode, when)
    if isinstance(wanted, File) and wanted.ownerstring:
        owner = re.escape(wanted.ownerstring) + ("" if ":" in wanted.ownerstring else ":.*")
        yield _asked(f"{what} {wanted.path} has its owner", f"stat -c %U:%G {_q(wanted.path)}", owner, when)


def _content(path: str, content: str, encoding: str, when: str) -> Iterator[Question]:
    """By its hash; one with a template, or packed, is only asked to be there with something in it."""
    if _TEMPLATE.search(content) or "gz" in encoding:
        yield _asked(f"file {path} has content", f"test -s {_q(path)} && echo yes", "yes", when)
        return
    data = base64.b64decode(content) if encoding else content.encode()
    digest = hashlib.sha256(data).hexdigest()
    yield _asked(f"file {path} has its content", f"sha256sum <{_q(path)} | cut -d' ' -f1", digest, when)


def _hostname(name: str, when: str) -> Question:
    return _asked("the host name is the declared one", "cat /proc/sys/kernel/hostname", _loose(name), when)


def _kernel(step: Step, when: str) -> Iterator[Question]:
    for key, value in step.sysctl.items():
        wanted = r"\s+".join(re.escape(word) for word in value.split())
        yield _asked(f"sysctl {key} is {value}", f"cat /proc/sys/{_q(key.replace('.', '/'))}", wanted, when)
    for module in step.modules:
        name = module.replace("-", "_")
        yield _asked(f"module {module} is loaded", f"test -d /sys/module/{_q(name)} && echo yes", "yes", when)


def _network(step: Step, when: str) -> Iterator[Question]:
    """The resolver's file belongs to whoever writes it last: what a step wrote is lost where NetworkManager does."""
    path = _q(step.dns.path or "/etc/resolv.conf")
    rows = [("name server", "nameserver", each) for each in step.dns.nameservers]
    rows += [("domain", "search", each) for each in step.dns.search if step.dns.nameservers]
    for what, key, value in rows:
        command = f"grep -E '^{key}[[:space:]]' {path} | tr '\\n' ' '"
        yield _asked(f"{what} {value} is in {path}", command, rf"(?:.*\s)?{re.escape(value)}(?:\s.*)?", when)
    for key, value in step.timesyncd.items():
        command = f"systemd-analyze cat-config systemd/timesyncd.conf | grep -E {_q(f'^{key} *=')} | tail -n 1"
        yield _asked(f"timesyncd has {key}={value}", command, rf"{re.escape(key)} *= *{re.escape(value)}", when)
    if step.timesyncd:
        command = "systemctl show -p ActiveState --value systemd-timesyncd.service"
        yield _asked("timesyncd runs, which the profile configures", command, "active", when)


def _units(step: Step, when: str) -> Iterator[Question]:
    for word, units, wanted in (
        ("enabled", step.systemctl.enable, "enabled|enabled-runtime|static|alias|indirect|generated"),
        ("disabled", step.systemctl.disable, "disabled|masked|masked-runtime"),
        ("masked", step.systemctl.mask, "masked|masked-runtime"),
    ):
        for unit in units:
            yield _asked(f"unit {unit} is {word}", f"systemctl is-enabled {_q(unit)} 2>/dev/null", wanted, when)
    for unit in step.systemctl.start:
        yield _asked(f"unit {unit} was started", f"systemctl show -p ActiveState --value {_q(unit)}", "active", when)
    for override in step.systemctl.overrides:
        name = override.service if "." in override.service else f"{override.service}.service"
        command = f"systemctl show -p DropInPaths --value {_q(name)} | tr ' ' '\\n' | grep -c /etc/systemd/"
        yield _asked(f"unit {name} has its drop-in", command, r"[1-9]\d*", when)


def _asked(title: str, command: str, wanted: str, when: str) -> Question:
    """A step's own condition is asked again: where it does not hold, nothing is promised."""
    if when:
        command = f"if ( {when}\n) >/dev/null 2>&1; then {command}; else echo condition-does-not-hold; fi"
        wanted = f"(?:{wanted})|condition-does-not-hold"
    return Question(title, command, wanted)


def _loose(text: str) -> str:
    """An expression for a text of which templates are filled by the node."""
    return ".+".join(re.escape(part) for part in _TEMPLATE.split(text))


def _q(text: str) -> str:
    return shlex.quote(text)
