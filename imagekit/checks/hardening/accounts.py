"""Controls of accounts, passwords, PAM, sudo and the umask."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from imagekit.checks.hardening.model import Control, Judge, Node, UnreadableError

_NO_SHELL = re.compile(r"/(nologin|false|sync|shutdown|halt)$")
_AUTH = ("common-auth", "system-auth", "password-auth")
_PASSWORD = ("common-password", "system-auth", "password-auth")
_SESSION = ("common-session", "system-auth", "password-auth", "sshd", "login")


def _named(words: str, names: list[str]) -> str:
    return f"{words}: {', '.join(sorted(names))}" if names else ""


def _twice(words: str, values: list[str]) -> str:
    return _named(words, [value for value, count in Counter(values).items() if count > 1])


def _users(node: Node) -> Mapping[str, tuple[str, ...]]:
    """The accounts of the node; raises `UnreadableError` when not even root is among them."""
    if "root" not in node.facts.users:
        raise UnreadableError("/etc/passwd could not be read")
    return node.facts.users


def _passwords(node: Node) -> Mapping[str, str]:
    """Of every account whether a password is set; raises `UnreadableError` where the shadow file does not say it."""
    unsaid = sorted(_users(node).keys() - node.facts.passwords.keys())
    if unsaid:
        raise UnreadableError(f"the shadow file says nothing of: {', '.join(unsaid)}")
    return node.facts.passwords


def _empty(node: Node) -> str:
    return _named("no password is asked of", [name for name, state in _passwords(node).items() if state == "empty"])


def _one_root(node: Node) -> str:
    return _named("user id 0, too", [name for name, f in _users(node).items() if f[2] == "0" and name != "root"])


def _root_closed(node: Node) -> str:
    state = _passwords(node)["root"]
    return "" if state in ("locked", "set") else f"root's password is {state}"


def _system_shells(node: Node) -> str:
    found = [
        name
        for name, f in _users(node).items()
        if (int(f[2]) < 1000 or name == "nobody") and name != "root" and not _NO_SHELL.search(f[6])
    ]
    return _named("system accounts with a shell", found)


def _unlocked_without_shell(node: Node) -> str:
    users = _users(node).items()
    return _named(
        "a password of an account without a shell",
        [name for name, f in users if _NO_SHELL.search(f[6]) and _passwords(node)[name] == "set"],
    )


def _unique(node: Node) -> str:
    users = list(_users(node).values())
    # That of root has a control of its own.
    return _twice("user ids that two have", [f[2] for f in users if f[2] != "0"])


def _shadowed(node: Node) -> str:
    return _named("passwords in /etc/passwd", [name for name, f in _users(node).items() if f[1] != "x"])


def _homes(node: Node) -> str:
    rows = [line.split(" ", 3) for line in node.lines("homes")]
    return _named("homes that others see into", [f[3] for f in rows if len(f) == 4 and int(f[0], 8) & 0o027])


def _login_defs(node: Node) -> dict[str, str]:
    pairs = (line.split(None, 1) for line in node.settings("login"))
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}


def _ages(node: Node) -> str:
    """Of new local accounts (login.defs(5)); those of a directory have its own rules."""
    said = _login_defs(node).get("PASS_MAX_DAYS", "not set")
    return "" if said.isdecimal() and 0 < int(said) <= 365 else f"PASS_MAX_DAYS is {said}, more than a year"


def _hashes(node: Node) -> str:
    said = _login_defs(node).get("ENCRYPT_METHOD", "not set")
    return "" if said.upper() in ("YESCRYPT", "SHA512") else f"ENCRYPT_METHOD is {said}"


def _pam(node: Node, files: tuple[str, ...]) -> list[str]:
    split = (line.partition(":") for line in node.lines("pam"))
    lines = [rest.strip() for name, _, rest in split if name in files]
    return [line for line in lines if line and not line.startswith("#")]


def _nullok(node: Node) -> str:
    bad = [line for line in _pam(node, _AUTH) if "pam_unix" in line and "nullok" in line]
    return "pam_unix takes an empty password (nullok)" if bad else ""


def _asks(files: tuple[str, ...], module: str) -> Judge:
    def judge(node: Node) -> str:
        return "" if any(module in line for line in _pam(node, files)) else f"PAM does not ask {module}"

    return judge


def _length(node: Node) -> str:
    """pwquality.conf(5), or an argument of the module; its own default is 8."""
    text = "\n".join(
        (*node.settings("pwquality"), *(line for line in _pam(node, _PASSWORD) if "pam_pwquality" in line))
    )
    found = re.findall(r"\bminlen\s*=\s*(\d+)", text)
    length = int(found[-1]) if found else 8
    return "" if length >= 14 else f"a password may have {length} characters (minlen)"


def _umask(node: Node) -> str:
    said = _login_defs(node).get("UMASK", "not set")
    asked = any("pam_umask" in line for line in _pam(node, _SESSION))
    strict = re.fullmatch(r"0?[0-7]{3}", said) and int(said, 8) & 0o027 == 0o027
    return "" if strict and asked else f"UMASK is {said}{'' if asked else ', and PAM does not ask pam_umask'}"


def _su(node: Node) -> str:
    lines = _pam(node, ("su",))
    asked = any(re.match(r"auth\s+(required|requisite)\s+pam_wheel\.so\b", line) for line in lines)
    return "" if asked else "every account may try su (no pam_wheel)"


def _sudo_pty(node: Node) -> str:
    return "" if any(re.match(r"Defaults\s+.*\buse_pty\b", line) for line in node.settings("sudo")) else "no use_pty"


def _sudo_password(node: Node) -> str:
    found = [line for line in node.settings("sudo") if "NOPASSWD" in line or "!authenticate" in line]
    return f"no password is asked: {found[0]}" if found else ""


CONTROLS = (
    Control(
        id="ACC-01",
        level=1,
        title="no account is without a password",
        judge=_empty,
        references=("CIS Debian 12 7.2.2", "NIST IA-5"),
    ),
    Control(
        id="ACC-02", level=1, title="root alone has user id 0", judge=_one_root, references=("CIS Debian 12 5.4.2.1",)
    ),
    Control(
        id="ACC-03",
        level=1,
        title="root is locked or has a password",
        judge=_root_closed,
        references=("CIS Debian 12 5.4.2.4",),
    ),
    Control(
        id="ACC-04",
        level=1,
        title="system accounts have no shell",
        judge=_system_shells,
        references=("CIS Debian 12 5.4.2.7",),
    ),
    Control(
        id="ACC-05",
        level=1,
        title="accounts without a shell are locked",
        judge=_unlocked_without_shell,
        references=("CIS Debian 12 5.4.2.8",),
    ),
    Control(
        id="ACC-06",
        level=1,
        title="no two accounts share a user id",
        judge=_unique,
        references=("CIS Debian 12 7.2.5",),
    ),
    Control(
        id="ACC-07",
        level=1,
        title="passwords are in the shadow file alone",
        judge=_shadowed,
        references=("CIS Debian 12 7.2.1",),
    ),
    Control(
        id="ACC-08", level=1, title="others see into nobody's home", judge=_homes, references=("CIS Debian 12 7.2.9",)
    ),
    Control(
        id="ACC-09",
        level=1,
        title="a local password ends within a year",
        judge=_ages,
        references=("CIS Debian 12 5.4.1.1",),
    ),
    Control(
        id="ACC-10",
        level=1,
        title="passwords are hashed slowly",
        judge=_hashes,
        references=("CIS Debian 12 5.4.1.4", "NIST IA-5(1)"),
    ),
    Control(
        id="PAM-01",
        level=1,
        title="PAM takes no empty password",
        judge=_nullok,
        references=("CIS Debian 12 5.3.3.4.1",),
    ),
    Control(
        id="PAM-02",
        level=1,
        title="new passwords are judged",
        judge=_asks(_PASSWORD, "pam_pwquality.so"),
        references=("CIS Debian 12 5.3.2.3",),
    ),
    Control(
        id="PAM-03",
        level=1,
        title="new passwords have 14 characters",
        judge=_length,
        references=("CIS Debian 12 5.3.3.2.2",),
    ),
    Control(
        id="PAM-04",
        level=1,
        title="guessing locks a local account",
        judge=_asks(_AUTH, "pam_faillock.so"),
        references=("CIS Debian 12 5.3.2.2", "NIST AC-7"),
    ),
    Control(
        id="PAM-05",
        level=1,
        title="new files are not for everybody",
        judge=_umask,
        references=("CIS Debian 12 5.4.3.3",),
    ),
    Control(id="PAM-06", level=1, title="su is for administrators", judge=_su, references=("CIS Debian 12 5.2.7",)),
    Control(
        id="SUD-01",
        level=1,
        title="sudo gives each command a terminal of its own",
        judge=_sudo_pty,
        references=("CIS Debian 12 5.2.2",),
    ),
    Control(
        id="SUD-02",
        level=2,
        title="sudo asks for a password",
        judge=_sudo_password,
        references=("CIS Debian 12 5.2.4", "NIST IA-11"),
    ),
)
