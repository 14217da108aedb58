"""Controls of the SSH server, by what it would do (``sshd -T``), not by what its files say."""

from __future__ import annotations

import re
from collections.abc import Iterable

from imagekit.checks.hardening.model import Control, Judge, Node

_WEAK_MAC = re.compile(r"sha1|md5|umac-64|-96|ripemd")
_WEAK_CIPHER = re.compile(r"cbc|3des|arcfour|blowfish|cast128|rc4")
_WEAK_KEX = re.compile(r"sha1|group1-|group14-sha1")


def _is(keyword: str, *allowed: str) -> Judge:
    def judge(node: Node) -> str:
        value = node.sshd(keyword)
        return "" if value in allowed else f"{keyword} is {value}, not {' or '.join(allowed)}"

    return judge


def _between(keyword: str, least: int, most: int) -> Judge:
    def judge(node: Node) -> str:
        value = node.sshd(keyword)
        inside = value.isdecimal() and least <= int(value) <= most
        return "" if inside else f"{keyword} is {value}, not between {least} and {most}"

    return judge


def _no(keyword: str, weak: re.Pattern[str]) -> Judge:
    def judge(node: Node) -> str:
        found = [name for name in node.sshd(keyword).split(",") if weak.search(name)]
        return f"{keyword} offers {', '.join(found)}" if found else ""

    return judge


def _all(judges: Iterable[Judge]) -> Judge:
    several = tuple(judges)
    return lambda node: "; ".join(filter(None, (judge(node) for judge in several)))


def _silent_end(node: Node) -> str:
    """How long a dead client keeps its session: interval times count, sshd_config(5)."""
    interval, count = node.sshd("clientaliveinterval"), node.sshd("clientalivecountmax")
    if not (interval.isdecimal() and count.isdecimal()):
        return f"clientaliveinterval is {interval}, clientalivecountmax is {count}"
    seconds = int(interval) * int(count)
    return "" if 0 < seconds <= 1800 else f"a client that is gone is noticed after {seconds} s (0: never)"


def _max_startups(node: Node) -> str:
    value = node.sshd("maxstartups")
    numbers = [int(each) for each in value.split(":") if each.isdecimal()]
    if len(numbers) != 3:
        return f"maxstartups is {value}"
    return "" if numbers[0] <= 10 and numbers[2] <= 100 else f"maxstartups is {value}, more than 10:30:100"


def _limited(node: Node) -> str:
    asked = ("allowusers", "allowgroups", "denyusers", "denygroups")
    return "" if any(name in node.facts.sshd for name in asked) else "every account may log in: no AllowGroups or such"


def _config_modes(node: Node) -> str:
    files = {
        path: file
        for path, file in node.facts.files.items()
        if path == "/etc/ssh/sshd_config" or (path.startswith("/etc/ssh/sshd_config.d/") and file.kind == "f")
    }
    loose = [path for path, file in files.items() if file.user != "root" or file.mode & 0o077]
    if "/etc/ssh/sshd_config" not in files:
        return "there is no /etc/ssh/sshd_config"
    return f"not root's alone: {', '.join(sorted(loose))}" if loose else ""


CONTROLS = (
    Control(
        id="SSH-01",
        level=1,
        title="root does not log in over SSH",
        judge=_is("permitrootlogin", "no"),
        references=("CIS Debian 12 5.1.20", "NIST AC-6(2)"),
    ),
    Control(
        id="SSH-02",
        level=1,
        title="an empty password opens nothing",
        judge=_is("permitemptypasswords", "no"),
        references=("CIS Debian 12 5.1.19", "NIST AC-6"),
    ),
    Control(
        id="SSH-03",
        level=1,
        title="no trust in the client's host",
        references=("CIS Debian 12 5.1.10", "CIS Debian 12 5.1.11"),
        judge=_all((_is("hostbasedauthentication", "no"), _is("ignorerhosts", "yes"))),
    ),
    Control(
        id="SSH-04",
        level=1,
        title="clients set no environment of their own",
        judge=_is("permituserenvironment", "no"),
        references=("CIS Debian 12 5.1.21",),
    ),
    Control(
        id="SSH-05",
        level=1,
        title="few tries for each connection",
        judge=_between("maxauthtries", 1, 4),
        references=("CIS Debian 12 5.1.16", "NIST AC-7"),
    ),
    Control(
        id="SSH-06",
        level=1,
        title="whoever does not log in is cut off within a minute",
        judge=_between("logingracetime", 1, 60),
        references=("CIS Debian 12 5.1.13",),
    ),
    Control(
        id="SSH-07",
        level=1,
        title="a session whose client is gone ends",
        judge=_silent_end,
        references=("CIS Debian 12 5.1.7", "NIST SC-10"),
    ),
    Control(
        id="SSH-08",
        level=1,
        title="no cipher that is known to be weak",
        judge=_no("ciphers", _WEAK_CIPHER),
        references=("CIS Debian 12 5.1.6", "NIST SC-8(1)"),
    ),
    Control(
        id="SSH-09",
        level=1,
        title="no message authentication by SHA-1, MD5 or 64 bits",
        judge=_no("macs", _WEAK_MAC),
        references=("CIS Debian 12 5.1.15", "NIST SC-8(1)"),
    ),
    Control(
        id="SSH-10",
        level=1,
        title="no key exchange by SHA-1 or a small group",
        judge=_no("kexalgorithms", _WEAK_KEX),
        references=("CIS Debian 12 5.1.12", "NIST SC-8(1)"),
    ),
    Control(
        id="SSH-11",
        level=1,
        title="RSA keys have 2048 bits at least",
        judge=_between("requiredrsasize", 2048, 16384),
        references=("NIST SP 800-131A",),
    ),
    Control(
        id="SSH-12",
        level=2,
        title="nothing is forwarded through the node",
        references=("CIS Debian 12 5.1.8",),
        judge=_all(
            (
                _is("allowtcpforwarding", "no"),
                _is("allowstreamlocalforwarding", "no"),
                _is("allowagentforwarding", "no"),
                _is("x11forwarding", "no"),
                _is("permittunnel", "no"),
                _is("gatewayports", "no"),
            )
        ),
    ),
    Control(
        id="SSH-13",
        level=1,
        title="logins go through PAM and are logged",
        judge=_all((_is("usepam", "yes"), _is("loglevel", "INFO", "VERBOSE"))),
        references=("CIS Debian 12 5.1.22", "CIS Debian 12 5.1.14"),
    ),
    Control(
        id="SSH-14",
        level=1,
        title="connections that have not logged in are few",
        judge=_max_startups,
        references=("CIS Debian 12 5.1.18",),
    ),
    Control(
        id="SSH-15",
        level=1,
        title="a connection has ten sessions at most",
        judge=_between("maxsessions", 1, 10),
        references=("CIS Debian 12 5.1.17",),
    ),
    Control(
        id="SSH-16",
        level=1,
        title="only root reads the server's configuration",
        judge=_config_modes,
        references=("CIS Debian 12 5.1.1",),
    ),
    Control(
        id="SSH-17",
        level=1,
        title="only some accounts may log in",
        judge=_limited,
        references=("CIS Debian 12 5.1.4", "NIST AC-3"),
    ),
    Control(
        id="SSH-18",
        level=1,
        title="a warning is shown before the login",
        judge=lambda node: "banner is none" if node.sshd("banner") == "none" else "",
        references=("CIS Debian 12 5.1.5", "NIST AC-8"),
    ),
    Control(
        id="SSH-19",
        level=2,
        title="keys alone open a session",
        judge=_is("passwordauthentication", "no"),
        references=("NIST IA-2",),
    ),
)
