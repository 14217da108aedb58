"""The parts of an inventory, each read from what the image's own files say (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from posixpath import basename

from imagekit.artifact.inventory import Inventory
from imagekit.config.certfile import bundle_certificates
from imagekit.inventory import pam, sshd
from imagekit.inventory.model import AuthorityFact, FileFact, Group, User

_UNITS = re.compile(r"(?:etc|(?:usr/)?lib)/systemd/(system|user)/(?:([^/]+)\.(?:wants|requires|upholds)/)?([^/]+)")
_SYSCTLS = r"etc/sysctl\.conf|(?:etc|(?:usr/)?lib|usr/local/lib)/sysctl\.d/[^/]+\.conf"
_ARGUMENTS = r"etc/cos/bootargs\.cfg|(?:etc|usr/lib)/kernel/cmdline"
_MODULES = re.compile(r"(?:usr/)?lib/modules/([^/]+)/modules\.dep")
_MODULE = re.compile(r"(?:usr/)?lib/modules/.*/([^/]+)\.ko(?:\.(?:xz|zst|gz))?")
_CAPABILITY_V2 = 0x02000000
FILES = (
    r"etc/passwd|etc/group|var/lib/dpkg/info/[^/]+\.list"
    rf"|{_SYSCTLS}|{_ARGUMENTS}|{sshd.FILES}|{pam.FILES}"
)


def kernels(paths: Mapping[str, FileFact]) -> tuple[str, ...]:
    """The releases of the kernels whose modules are there, as `uname -r` says them."""
    return tuple(sorted({found[1] for path in paths if (found := _MODULES.fullmatch(path))}))


def modules(paths: Mapping[str, FileFact]) -> tuple[str, ...]:
    """Names of the modules that are there as files, as modprobe(8) takes them."""
    return tuple(sorted({found[1].replace("-", "_") for path in paths if (found := _MODULE.fullmatch(path))}))


def arguments(contents: Inventory) -> tuple[str, ...]:
    """Words that the image puts on the kernel's command line, in the order of the files, each once.

    Kairos keeps them in a GRUB script (``set NAME="words"``), others as one line of plain words.
    """
    words: dict[str, None] = {}
    for path, text in contents.matching(_ARGUMENTS):
        found = re.findall(r'^\s*set\s+\w+="?([^"\n]*)', text, re.MULTILINE) if path.endswith(".cfg") else [text]
        words |= dict.fromkeys(word for line in found for word in line.split() if not word.startswith("$"))
    return tuple(words)


def units(files: Mapping[str, FileFact]) -> dict[str, str]:
    """Units that links switch on, with the units that pull them in, and units that a link masks, systemctl(1)."""
    by: dict[str, set[str]] = {}
    masked: set[str] = set()
    for path, fact in files.items():
        match = _UNITS.fullmatch(path)
        if match is None or fact.kind != "l":
            if match is not None and match[2] is None and (fact.kind, fact.size) == ("f", 0):
                masked.add(
                    match[3] if match[1] == "system" else f"{match[3]} (of users)"
                )  # as /dev/null, systemd.unit(5)
            continue
        scope, target, name = match.groups()
        unit = name if scope == "system" else f"{name} (of users)"
        if target:
            by.setdefault(unit, set()).add(target)
        elif fact.content == "/dev/null":
            masked.add(unit)
    enabled = {unit: f"enabled ({', '.join(sorted(targets))})" for unit, targets in by.items()}
    return dict(sorted((enabled | dict.fromkeys(masked, "masked")).items()))


def users(text: str) -> tuple[User, ...]:
    """Lines of passwd(5); a line that is none is left out, as the C library does."""
    rows = [line.split(":") for line in text.splitlines()]
    good = (row for row in rows if len(row) == 7 and row[2].isdecimal() and row[3].isdecimal())
    return tuple(sorted(User(row[0], int(row[2]), int(row[3]), row[5], row[6], _password(row[1])) for row in good))


def _password(field: str) -> str:
    """What stands where ``x`` refers to shadow(5): nothing, which asks for no password, or a hash that all can read."""
    return "" if field[:1] in ("x", "*", "!") else "readable by all" if field else "not asked for"


def groups(text: str) -> tuple[Group, ...]:
    """Lines of group(5); a line that is none is left out."""
    rows = [line.split(":") for line in text.splitlines()]
    return tuple(sorted(Group(row[0], int(row[2]), row[3]) for row in rows if len(row) == 4 and row[2].isdecimal()))


def sysctls(contents: Inventory) -> dict[str, str]:
    """The value of each key that wins: files of a later name win, and /etc over /usr of one name, sysctl.d(5)."""
    files: dict[str, str] = {}
    for path, text in sorted(contents.matching(_SYSCTLS), key=lambda each: each[0].startswith("etc/")):
        files["99-sysctl.conf" if path == "etc/sysctl.conf" else basename(path)] = text
    values: dict[str, str] = {}
    for _, text in sorted(files.items()):
        for line in text.splitlines():
            key, equals, value = line.strip().partition("=")
            if equals and key[:1] not in ("#", ";"):
                values[key.strip().lstrip("-").replace("/", ".")] = " ".join(value.split())
    return dict(sorted(values.items()))


def authorities(contents: Inventory) -> tuple[AuthorityFact, ...]:
    """Certificates of the system's bundle, by subject; one that does not parse is there by its fingerprint."""
    bundles = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem")
    found = frozenset[bytes]().union(*(bundle_certificates(contents.data(path)) for path in bundles))
    return tuple(sorted(map(_authority, found), key=lambda each: (each.subject, each.fingerprint)))


def _authority(der: bytes) -> AuthorityFact:
    import hashlib
    import warnings

    from cryptography import x509
    from cryptography.utils import CryptographyDeprecationWarning

    fingerprint = hashlib.sha256(der).hexdigest()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            certificate = x509.load_der_x509_certificate(der)
            subject, last = certificate.subject.rfc4514_string(), certificate.not_valid_after_utc
    except (ValueError, x509.InvalidVersion):
        return AuthorityFact(fingerprint, f"certificate that does not parse, sha256:{fingerprint[:12]}", "")
    return AuthorityFact(fingerprint, subject, f"{last:%Y-%m-%d}")


def owners(contents: Inventory) -> dict[str, str]:
    """The package of each path, from dpkg's lists; a path that leads over a link is found where it really is."""
    found: dict[str, str] = {}
    folders: dict[str, str | None] = {}
    for listing, text in contents.matching(r"var/lib/dpkg/info/[^/]+\.list"):
        package = basename(listing).removesuffix(".list").partition(":")[0]
        for line in text.splitlines():
            folder, _, name = line.rpartition("/")
            if folder not in folders:
                folders[folder] = contents.resolve(folder)
            real = folders[folder] or folder.lstrip("/")
            found[f"{real}/{name}" if real else name] = package
    return found


def capabilities(attribute: bytes) -> str:
    """``security.capability`` as the numbers of the permitted capabilities, linux/capability.h; raw when unknown."""
    magic = int.from_bytes(attribute[:4], "little")
    words = [int.from_bytes(attribute[at : at + 4], "little") for at in range(0, len(attribute), 4)]
    if magic & 0xFF000000 not in (_CAPABILITY_V2, 0x03000000) or len(attribute) < 20:
        return attribute.hex()
    reported = [_named_bits(words[1] | words[3] << 32)]
    if not magic & 1:
        reported.append("not effective by themselves")  # the program has to raise them
    if inheritable := words[2] | words[4] << 32:
        reported.append(f"inheritable {_named_bits(inheritable)}")
    if len(words) > 5 and words[5]:
        reported.append(f"in the user namespace of {words[5]}")
    return "; ".join(reported)


def _named_bits(bits: int) -> str:
    return ",".join(_NAMES[bit] if bit < len(_NAMES) else str(bit) for bit in range(64) if bits >> bit & 1)


# In the order of their numbers, capabilities(7).
_IN_ORDER = (
    "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service "
    "net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct "
    "sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control "
    "setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore"
)
_NAMES = tuple(f"cap_{name}" for name in _IN_ORDER.split())
