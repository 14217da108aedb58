"""What changed in sshd, PAM and the kernel's modules, in the words of who logs in (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

_NAMED = 4  # modules and services; more are counted
# What sshd does where the image says nothing, sshd_config(5) of OpenSSH 9 and 10.
_DEFAULTS = {
    "passwordauthentication": "yes",
    "pubkeyauthentication": "yes",
    "kbdinteractiveauthentication": "yes",
    "permitrootlogin": "prohibit-password",
    "permitemptypasswords": "no",
    "port": "22",
    "x11forwarding": "no",
    "allowtcpforwarding": "yes",
    "allowagentforwarding": "yes",
    "maxauthtries": "6",
    "maxsessions": "10",
    "usepam": "no",
    "usedns": "no",
    "strictmodes": "yes",
}
_LOGINS = {
    "passwordauthentication": "password logins",
    "pubkeyauthentication": "logins by key",
    "kbdinteractiveauthentication": "keyboard-interactive logins",
    "permitemptypasswords": "empty passwords",
    "allowtcpforwarding": "TCP forwarding",
    "allowagentforwarding": "agent forwarding",
    "x11forwarding": "X11 forwarding",
    "challengeresponseauthentication": "keyboard-interactive logins",
}
_ROOT = {
    "yes": "sshd now accepts root logins, by password too",
    "no": "sshd now refuses root logins",
    "prohibit-password": "sshd now accepts root logins by key, and not by password",
    "without-password": "sshd now accepts root logins by key, and not by password",
    "forced-commands-only": "sshd now accepts root logins by key for forced commands alone",
}
Row = tuple[str, str, str, str]  # name, before, after, sentence


def sshd_rows(a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[Row]:
    """A sentence for each keyword whose effect differs; what was the default and is now said is no change."""
    if not a and not b:
        return
    if not a or not b:
        yield (
            "sshd",
            "" if not a else "configured",
            "" if not b else "configured",
            (f"sshd {'is configured now' if not a else 'has no configuration any more'}"),
        )
        return
    for keyword in sorted({*a, *b}):
        was, now = (each.get(keyword, _DEFAULTS.get(keyword, "")) for each in (a, b))
        if was.lower() != now.lower():
            yield keyword, was, now, _sshd_sentence(keyword, was, now)


def _sshd_sentence(keyword: str, was: str, now: str) -> str:
    if keyword == "permitrootlogin" and now.lower() in _ROOT:
        return _ROOT[now.lower()]
    if keyword in _LOGINS and now.lower() in ("yes", "no"):
        return f"sshd now {'accepts' if now.lower() == 'yes' else 'refuses'} {_LOGINS[keyword]}"
    if keyword == "port":
        return f"sshd listens on port {now} now, not on {was}"
    if not was:
        return f"sshd: {keyword} is set now: {now}"
    if not now:
        return f"sshd: {keyword} is not set any more (was {was})"
    return f"sshd: {keyword} {was} to {now}"


def pam_rows(a: Mapping[str, Sequence[str]], b: Mapping[str, Sequence[str]]) -> Iterator[Row]:
    """A sentence for each line that came or went, with the services that it holds for."""
    came: dict[str, list[str]] = {}
    went: dict[str, list[str]] = {}
    for service in sorted(a.keys() & b.keys()):
        was, now = a[service], b[service]
        for line in dict.fromkeys((*was, *now)):
            if line not in now:
                went.setdefault(line, []).append(service)
            elif line not in was:
                came.setdefault(line, []).append(service)
        if was != now and sorted(was) == sorted(now):
            yield service, "", "", f"PAM asks in another order for {service}"
    for line, services in went.items():
        yield line, line, "", f"PAM does not ask {_module(line)} any more for {listed(services)}"
    for line, services in came.items():
        yield line, "", line, f"PAM asks {_module(line)} now for {listed(services)}"


def _module(line: str) -> str:
    """``pam_sss.so (auth sufficient use_first_pass)``"""
    kind, _, rest = line.partition(" ")
    control, _, rest = rest.partition("] ") if rest.startswith("[") else rest.partition(" ")
    control += "]" if control.startswith("[") else ""
    module, _, arguments = rest.partition(" ")
    return f"{module} ({' '.join(filter(None, (kind, control, arguments)))})"


def module_rows(a: Sequence[str], b: Sequence[str]) -> Iterator[Row]:
    """Kernel modules that came and went, counted where they are many."""
    went, came = sorted({*a} - {*b}), sorted({*b} - {*a})
    if went:
        yield "modules", " ".join(went), "", f"kernel {_modules(went)} removed"
    if came:
        yield "modules", "", " ".join(came), f"kernel {_modules(came)} added"


def _modules(names: Sequence[str]) -> str:
    return f"module {names[0]}" if len(names) == 1 else f"modules {listed(names)}"


def listed(names: Sequence[str]) -> str:
    """Names with commas; those above a handful are counted."""
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
