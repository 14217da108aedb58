"""Which user QEMU runs as, and that this user can open whatever a machine is made of.

A system's libvirt gives QEMU a user of its own (``libvirt-qemu`` on Debian and Ubuntu) and names it in its
capabilities. What imagekit makes for a machine is private, so that user alone is let in, path by path; what lies around
the work folder belongs to somebody else and is only looked at.
"""

from __future__ import annotations

import json
import os
import pwd
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from imagekit.artifact.programs import find
from imagekit.base import process
from imagekit.machine import acl
from imagekit.machine.domain import Domain
from imagekit.machine.errors import HypervisorError
from imagekit.machine.folder import PREFIX, WORK


@dataclass(frozen=True, slots=True, kw_only=True)
class QemuUser:
    """The user that a libvirt runs QEMU as."""

    uid: int
    gid: int

    @property
    def name(self) -> str:
        """As the machine calls it."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return f"user {self.uid}"

    @property
    def label(self) -> str:
        """As libvirt writes it."""
        return f"+{self.uid}:+{self.gid}"

    @property
    def person(self) -> acl.Person:
        """With its groups, which libvirt gives to QEMU as a login would."""
        try:
            groups = os.getgrouplist(pwd.getpwuid(self.uid).pw_name, self.gid)
        except KeyError:
            groups = [self.gid]
        return acl.Person(uid=self.uid, groups=frozenset(groups))


def qemu_user(opened: Any) -> QemuUser | None:
    """Whom libvirt starts QEMU as, from its capabilities; None when that is who we are, as with a session's libvirt."""
    found = dac_label(opened.getCapabilities())
    return None if found is None or found.uid == os.geteuid() else found


def dac_label(capabilities: str) -> QemuUser | None:
    """The user of the security model ``dac`` (https://libvirt.org/formatcaps.html); None when it is not in use."""
    for model in ElementTree.fromstring(capabilities).iterfind("host/secmodel"):
        if model.findtext("model") != "dac":
            continue
        labels = {label.get("type"): (label.text or "") for label in model.iterfind("baselabel")}
        uid, _, gid = (labels.get("kvm") or labels.get("qemu") or "").partition(":")
        if uid.lstrip("+").isdigit() and gid.lstrip("+").isdigit():
            return QemuUser(uid=int(uid.lstrip("+")), gid=int(gid.lstrip("+")))
    return None


def security_models(capabilities: str) -> frozenset[str]:
    """The security models that a libvirt has in use."""
    found = ElementTree.fromstring(capabilities).iterfind("host/secmodel/model")
    return frozenset(model.text or "" for model in found)


def admitted(opened: Any, domain: Domain) -> Domain:
    """The domain, with every path in it open to libvirt's QEMU and to nobody else.

    Raises `HypervisorError` naming the path and the user when that is not in our hands.
    """
    if domain.relays and "apparmor" in security_models(opened.getCapabilities()):
        domain = replace(domain, unconfined=("apparmor",))
    user = qemu_user(opened)
    if user is None:
        return domain
    if domain.shape.tpm and os.geteuid() != 0:
        raise HypervisorError(
            "the TPM of this machine would leave files of another user, which only root can remove",
            hint="Use a libvirt of your own, LIBVIRT_DEFAULT_URI=qemu:///session, or run this as root.",
        )
    # The emulator of the TPM runs as a third user, whom no capabilities name; within the folder, which has a name that
    # nobody can guess, each file is private by itself.
    domain.owner.folder.chmod(0o711)
    for path, wanted in _paths(domain):
        admit(user, path, wanted)
    # Its own label, so that libvirt changes no owner: it would take the files away from whoever made them.
    return replace(domain, label=user.label)


def admit(user: QemuUser, path: Path, wanted: int) -> None:
    """Let a user in on a path of ours, with the folders that lead there. Raises `HypervisorError`."""
    steps = [(folder, acl.SEARCH) for folder in reversed(path.parents)]
    for each, need in [*steps, (path, wanted)]:
        if acl.allows(each, user.person, need):
            continue
        if not _is_ours(each):
            raise _unreachable(user, path, each)
        try:
            acl.let_in(each, user.person, need, group=user.gid)
        except OSError as error:
            raise _unreachable(user, path, each, f" ({error.strerror})") from None


def _is_ours(path: Path) -> bool:
    """Whether imagekit made a path: it is a work folder or a machine's own folder, or lies in one."""
    return any(part == WORK or part.startswith(PREFIX) for part in path.parts)


def _unreachable(user: QemuUser, path: Path, where: Path, why: str = "") -> HypervisorError:
    right, letter = ("open", "r") if where == path else ("search", "x")
    return HypervisorError(
        f"libvirt runs QEMU as {user.name}, who may not {right} {where}{why}; it is needed for {path}",
        hint=f"Let that user in with `setfacl -m u:{user.name}:{letter} {shlex.quote(str(where))}` (package acl), move "
        "the checkout to a folder that everybody may search, or use a libvirt of your own: "
        "LIBVIRT_DEFAULT_URI=qemu:///session.",
    )


def _paths(domain: Domain) -> Iterator[tuple[Path, int]]:
    """What QEMU opens, and how; nvram and the TPM's state are made by libvirt for whoever uses them."""
    if domain.direct is not None:
        yield domain.direct.kernel, acl.READ
        yield domain.direct.initrd, acl.READ
    for disk in domain.disks:
        yield disk.path, acl.READ if disk.readonly else acl.READ | acl.WRITE
        if disk.format == "qcow2":
            for below in backing_files(disk.path):
                yield below, acl.READ
    yield domain.console, acl.READ | acl.WRITE
    if domain.incoming is not None:
        yield domain.incoming.state, acl.READ


def backing_files(disk: Path) -> list[Path]:
    """The files that a qcow2 file stands on, down to the lowest."""
    argv: list[str | Path] = [
        find("qemu-img", "qemu-utils"),
        "info",
        "--force-share",
        "--backing-chain",
        "--output=json",
        disk,
    ]
    chain = json.loads(process.run(argv, timeout=30.0).stdout)
    return [Path(each["filename"]) for each in chain[1:]]


def admit_state(opened: Any, state: Path) -> None:
    """Let libvirt's QEMU write a saved state, which is as private as the memory in it."""
    user = qemu_user(opened)
    if user is not None:
        admit(user, state, acl.READ | acl.WRITE)
