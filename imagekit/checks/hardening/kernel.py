"""Controls of the running kernel: settings, modules that nobody needs, lockdown under Secure Boot."""

from __future__ import annotations

from imagekit.checks.hardening.model import Control, Judge, Node, UnreadableError


def _set(**allowed: str) -> Judge:
    """Settings (``__`` stands for a dot) with the values allowed, separated by commas."""
    wanted = {key.replace("__", "."): values.split(",") for key, values in allowed.items()}

    def judge(node: Node) -> str:
        found = {key: node.sysctl(key) for key in wanted}
        bad = [
            f"{key} is {found[key]}, not {' or '.join(values)}"
            for key, values in wanted.items()
            if found[key] not in values
        ]
        return "; ".join(bad)

    return judge


def _blocked(*modules: str) -> Judge:
    """The kernel has no such module, or modprobe is told to load none (modprobe.d(5), ``install NAME /bin/false``)."""

    def judge(node: Node) -> str:
        reported = {
            line.split(" ", 2)[0]: line.split(" ", 2)[1:] for line in node.lines("modprobe") if line.count(" ") >= 2
        }
        bad = []
        for name in modules:
            if name not in reported:
                raise UnreadableError(f"the node did not say what modprobe does about {name}")
            files, does = reported[name]
            if name in node.facts.modules:
                bad.append(f"{name} is loaded")
            elif files != "0" and not does.startswith(("install /bin/false", "install /bin/true")):
                bad.append(f"{name} can be loaded")
        return "; ".join(bad)

    return judge


def _lockdown(node: Node) -> str:
    """Where Secure Boot is on, kernel_lockdown(7) says integrity or confidentiality; elsewhere nothing is asked."""
    reported = node.lines("secureboot")
    if reported and reported[0].strip() in ("bios", "0"):
        return ""
    if not reported or reported[0].strip() != "1":
        raise UnreadableError("whether Secure Boot is on could not be read")
    level = " ".join(node.lines("lockdown"))
    return (
        "" if "[integrity]" in level or "[confidentiality]" in level else f"Secure Boot is on, and lockdown is {level}"
    )


def _not_on_the_line(*words: str) -> Judge:
    def judge(node: Node) -> str:
        if not node.facts.cmdline:
            raise UnreadableError("the kernel's command line could not be read")
        found = [word for word in node.facts.cmdline if word in words]
        return f"the kernel was started with {' '.join(found)}" if found else ""

    return judge


def _no_core_files(node: Node) -> str:
    """By core(5): a pipe to a program that keeps nothing, or systemd-coredump without storage."""
    pattern = node.sysctl("kernel.core_pattern")
    if pattern.startswith("|") and pattern.split()[0] in ("|/bin/false", "|/usr/bin/false"):
        return ""
    if "systemd-coredump" in pattern and "Storage=none" in node.settings("coredump"):
        return ""
    return f"kernel.core_pattern is {pattern}: memory of programs is written to files"


CONTROLS = (
    Control(
        id="KRN-01",
        level=1,
        title="addresses are random",
        judge=_set(kernel__randomize_va_space="2"),
        references=("CIS Debian 12 1.5.1", "NIST SI-16"),
    ),
    Control(
        id="KRN-02",
        level=1,
        title="a program traces its own children alone",
        judge=_set(kernel__yama__ptrace_scope="1,2,3"),
        references=("CIS Debian 12 1.5.2",),
    ),
    Control(
        id="KRN-03",
        level=1,
        title="kernel addresses and messages are for root",
        judge=_set(kernel__kptr_restrict="1,2", kernel__dmesg_restrict="1"),
        references=("NIST SC-2",),
    ),
    Control(
        id="KRN-04",
        level=1,
        title="programs of the kernel's filter are for root",
        judge=_set(kernel__unprivileged_bpf_disabled="1,2"),
        references=("NIST AC-6",),
    ),
    Control(
        id="KRN-05", level=2, title="the filter's compiler is hardened", judge=_set(net__core__bpf_jit_harden="1,2")
    ),
    Control(
        id="KRN-06",
        level=2,
        title="no other kernel can be started from this one",
        judge=_set(kernel__kexec_load_disabled="1"),
    ),
    Control(id="KRN-07", level=2, title="the magic key does nothing", judge=_set(kernel__sysrq="0")),
    Control(
        id="KRN-08", level=1, title="performance events are for root", judge=_set(kernel__perf_event_paranoid="2,3,4")
    ),
    Control(
        id="KRN-09",
        level=1,
        title="links and files in shared folders cannot mislead",
        judge=_set(
            fs__protected_hardlinks="1",
            fs__protected_symlinks="1",
            fs__protected_fifos="1,2",
            fs__protected_regular="1,2",
        ),
    ),
    Control(
        id="KRN-10",
        level=1,
        title="a program with raised rights leaves no core file",
        judge=_set(fs__suid_dumpable="0"),
        references=("CIS Debian 12 1.5.3",),
    ),
    Control(
        id="KRN-11",
        level=1,
        title="core files are not written",
        judge=_no_core_files,
        references=("CIS Debian 12 1.5.3", "NIST SC-39"),
    ),
    Control(id="KRN-12", level=1, title="terminals load no line disciplines", judge=_set(dev__tty__ldisc_autoload="0")),
    Control(
        id="KRN-13", level=1, title="page faults are not handled by users", judge=_set(vm__unprivileged_userfaultfd="0")
    ),
    Control(id="KRN-14", level=1, title="the lowest pages stay unmapped", judge=_set(vm__mmap_min_addr="65536")),
    Control(
        id="KRN-15",
        level=1,
        title="the processor's faults are worked around, and addresses are random from the start",
        judge=_not_on_the_line("mitigations=off", "nokaslr", "nospectre_v2", "nopti", "spectre_v2=off"),
        boot_paths=("live", "installed"),
        references=("NIST SI-16",),
    ),
    Control(
        id="KRN-16",
        level=1,
        title="under Secure Boot the kernel is locked down",
        judge=_lockdown,
        references=("NIST SI-7",),
    ),
    Control(
        id="MOD-01",
        level=1,
        title="no file systems of old disks",
        references=("CIS Debian 12 1.1.1.1 to 1.1.1.5",),
        judge=_blocked("cramfs", "freevxfs", "hfs", "hfsplus", "jffs2"),
    ),
    Control(
        id="MOD-02",
        level=2,
        title="no file system of optical disks",
        judge=_blocked("udf"),
        references=("CIS Debian 12 1.1.1.8",),
    ),
    Control(
        id="MOD-03",
        level=1,
        title="no disks over USB",
        judge=_blocked("usb_storage"),
        references=("CIS Debian 12 1.1.1.9",),
    ),
    Control(id="MOD-04", level=2, title="no FireWire, which reads memory", judge=_blocked("firewire_core")),
    Control(
        id="MOD-05",
        level=2,
        title="no transports that nobody uses",
        judge=_blocked("dccp", "rds", "tipc"),
        references=("CIS Debian 12 3.2.1 to 3.2.3",),
    ),
    Control(id="MOD-06", level=2, title="no SCTP", judge=_blocked("sctp"), references=("CIS Debian 12 3.2.4",)),
    Control(
        id="NET-01",
        level=1,
        title="the node passes no packets on",
        references=("CIS Debian 12 3.3.1",),
        judge=_set(net__ipv4__ip_forward="0", net__ipv6__conf__all__forwarding="0"),
    ),
    Control(
        id="NET-02",
        level=1,
        title="it sends no redirects",
        references=("CIS Debian 12 3.3.2",),
        judge=_set(net__ipv4__conf__all__send_redirects="0", net__ipv4__conf__default__send_redirects="0"),
    ),
    Control(
        id="NET-03",
        level=1,
        title="it ignores broken and broadcast ICMP",
        references=("CIS Debian 12 3.3.3", "CIS Debian 12 3.3.4"),
        judge=_set(net__ipv4__icmp_ignore_bogus_error_responses="1", net__ipv4__icmp_echo_ignore_broadcasts="1"),
    ),
    Control(
        id="NET-04",
        level=1,
        title="it takes no redirects",
        references=("CIS Debian 12 3.3.5",),
        judge=_set(
            net__ipv4__conf__all__accept_redirects="0",
            net__ipv4__conf__default__accept_redirects="0",
            net__ipv6__conf__all__accept_redirects="0",
            net__ipv6__conf__default__accept_redirects="0",
        ),
    ),
    Control(
        id="NET-05",
        level=1,
        title="nor those of a gateway",
        references=("CIS Debian 12 3.3.6",),
        judge=_set(net__ipv4__conf__all__secure_redirects="0", net__ipv4__conf__default__secure_redirects="0"),
    ),
    Control(
        id="NET-06",
        level=1,
        title="packets come by the way that answers go",
        references=("CIS Debian 12 3.3.7",),
        judge=_set(net__ipv4__conf__all__rp_filter="1,2", net__ipv4__conf__default__rp_filter="1,2"),
    ),
    Control(
        id="NET-07",
        level=1,
        title="senders choose no route",
        references=("CIS Debian 12 3.3.8",),
        judge=_set(
            net__ipv4__conf__all__accept_source_route="0",
            net__ipv4__conf__default__accept_source_route="0",
            net__ipv6__conf__all__accept_source_route="0",
            net__ipv6__conf__default__accept_source_route="0",
        ),
    ),
    Control(
        id="NET-08",
        level=1,
        title="impossible senders are logged",
        references=("CIS Debian 12 3.3.9",),
        judge=_set(net__ipv4__conf__all__log_martians="1", net__ipv4__conf__default__log_martians="1"),
    ),
    Control(
        id="NET-09",
        level=1,
        title="a flood of openings fills no table",
        references=("CIS Debian 12 3.3.10", "NIST SC-5"),
        judge=_set(net__ipv4__tcp_syncookies="1"),
    ),
    Control(
        id="NET-10",
        level=1,
        title="the kernel takes no IPv6 router's word",
        references=("CIS Debian 12 3.3.11",),
        judge=_set(net__ipv6__conf__all__accept_ra="0", net__ipv6__conf__default__accept_ra="0"),
    ),
)
