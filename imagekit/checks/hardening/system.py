"""Controls of mounts, files, what is privileged, what listens, logs and audit."""

from __future__ import annotations

from imagekit.checks.hardening.model import Control, Judge, Node

_LEGACY = (
    *(
        "telnetd",
        "telnet-server",
        "rsh-server",
        "rsh-redone-server",
        "talk",
        "talkd",
        "nis",
        "ypserv",
        "ypbind",
        "tftpd",
    ),
    *("tftp-server", "xinetd", "inetutils-inetd", "openbsd-inetd", "vsftpd", "ftpd", "avahi-daemon", "avahi", "cups"),
    *("isc-dhcp-server", "dhcp-server", "slapd", "prelink"),
)
_ETC = {"/etc/passwd": 0o133, "/etc/group": 0o133, "/etc/shadow": 0o137, "/etc/gshadow": 0o137}


def _options(path: str, *wanted: str) -> Judge:
    def judge(node: Node) -> str:
        mount = node.facts.mount_of(path)
        lacking = [name for name in wanted if name not in mount.options]
        return f"{path} is mounted without {', '.join(lacking)}" if lacking else ""

    return judge


def _own_mount(path: str) -> Judge:
    return lambda node: "" if path in node.facts.mounts else f"{path} is no file system of its own"


def _read_only(node: Node) -> str:
    root = node.facts.mount_of("/")
    return "" if "ro" in root.options | root.super_options or root.volatile else "the root file system can be changed"


def _modes(node: Node) -> str:
    bad = []
    for path, too_much in _ETC.items():
        file = node.facts.files.get(path)
        if file is None:
            bad.append(f"{path} is not there")
        elif file.user != "root" or file.mode & too_much:
            bad.append(f"{path} is {file.mode:04o} of {file.user}")
    return "; ".join(bad)


def _setuid(node: Node) -> str:
    found = [each.path for each in node.privileged("set") if each.path not in node.inventory.setuid]
    return f"set-id programs that no layer declares: {', '.join(found)}" if found else ""


def _capabilities(node: Node) -> str:
    """getcap(8) prints ``PATH NAMES=FLAGS``."""
    reported = dict(line.rsplit(" ", 1) for line in node.lines("capabilities") if " " in line)
    found = {path: text.partition("=")[0] for path, text in reported.items()}
    wrong = [f"{path} {names}" for path, names in found.items() if node.inventory.capabilities.get(path) != names]
    return f"capabilities that no layer declares: {'; '.join(sorted(wrong))}" if wrong else ""


def _open_files(node: Node) -> str:
    found = [each.path for each in node.privileged("open") if each.path not in node.inventory.world_writable]
    return f"everybody can write to {', '.join(found)}" if found else ""


def _listening(node: Node) -> str:
    if not node.facts.listeners:
        return "ss told of no socket, not even sshd's"
    found = [
        f"{each.protocol} {each.address}:{each.port} {each.holders}".strip()
        for each in node.inventory.undeclared_listeners
    ]
    return f"no layer declares what listens on {'; '.join(found)}" if found else ""


def _no_legacy(node: Node) -> str:
    if not node.facts.packages:
        return "the node named no package"
    found = [name for name in _LEGACY if name in node.facts.packages]
    return f"installed: {', '.join(found)}" if found else ""


def _journal(node: Node) -> str:
    said = [line for line in node.settings("journald") if line.startswith("Storage=")]
    return f"journald keeps nothing: {said[-1]}" if said and said[-1].partition("=")[2] in ("none", "volatile") else ""


def _audit(node: Node) -> str:
    lines = node.lines("audit")
    if "absent" in lines:
        return "there is no audit daemon"
    enabled = [line.split()[-1] for line in lines if line.startswith("enabled ")]
    return "" if enabled and enabled[0] in ("1", "2") else f"auditing is {enabled[0] if enabled else 'unknown'}, not on"


def _audit_where_there(node: Node) -> str:
    return "" if "absent" in node.lines("audit") else _audit(node)


def _no_core_limit(node: Node) -> str:
    hard = [line.split() for line in node.settings("limits") if line.split()[1:3] in (["hard", "core"], ["-", "core"])]
    everybody = [fields[3] for fields in hard if len(fields) == 4 and fields[0] == "*"]
    return (
        ""
        if everybody and everybody[-1] == "0"
        else f"limits.conf lets everybody write {everybody[-1] if everybody else 'any'} core files"
    )


CONTROLS = (
    Control(
        id="MNT-01",
        level=1,
        title="the system is not changed while it runs",
        judge=_read_only,
        references=("NIST CM-5",),
    ),
    Control(
        id="MNT-02",
        level=1,
        title="/tmp is apart, without devices and set-id",
        judge=lambda node: _own_mount("/tmp")(node) or _options("/tmp", "nodev", "nosuid")(node),
        references=("CIS Debian 12 1.1.2.1.1 to 1.1.2.1.3",),
    ),
    Control(
        id="MNT-03",
        level=2,
        title="nothing is run from /tmp",
        judge=_options("/tmp", "noexec"),
        references=("CIS Debian 12 1.1.2.1.4",),
    ),
    Control(
        id="MNT-04",
        level=1,
        title="shared memory is without devices and set-id",
        judge=_options("/dev/shm", "nodev", "nosuid"),
        references=("CIS Debian 12 1.1.2.2.2", "CIS Debian 12 1.1.2.2.3"),
    ),
    Control(
        id="MNT-05",
        level=2,
        title="nothing is run from shared memory",
        judge=_options("/dev/shm", "noexec"),
        references=("CIS Debian 12 1.1.2.2.4",),
    ),
    Control(
        id="MNT-06",
        level=2,
        title="homes and /var are without devices and set-id",
        judge=lambda node: "; ".join(
            filter(None, (_options(path, "nodev", "nosuid")(node) for path in ("/home", "/var")))
        ),
        references=("CIS Debian 12 1.1.2.3.2", "CIS Debian 12 1.1.2.4.2"),
    ),
    Control(
        id="FIL-01",
        level=1,
        title="programs with set-id bits are the declared ones",
        judge=_setuid,
        references=("CIS Debian 12 7.1.13", "NIST AC-6(10)"),
    ),
    Control(
        id="FIL-02",
        level=1,
        title="capabilities of files are the declared ones",
        judge=_capabilities,
        references=("NIST AC-6(10)",),
    ),
    Control(
        id="FIL-03",
        level=1,
        title="nothing is open to everybody's writing",
        judge=_open_files,
        references=("CIS Debian 12 7.1.11", "NIST AC-3"),
    ),
    Control(
        id="FIL-04",
        level=1,
        title="the account files are root's",
        judge=_modes,
        references=("CIS Debian 12 7.1.1 to 7.1.7",),
    ),
    Control(
        id="SRV-01",
        level=1,
        title="what listens is what the layers declare",
        judge=_listening,
        references=("NIST CM-7",),
    ),
    Control(id="SRV-02", level=1, title="no services of former times", judge=_no_legacy, references=("NIST CM-7",)),
    Control(
        id="LOG-01",
        level=1,
        title="the journal is kept",
        judge=_journal,
        references=("CIS Debian 12 6.1.2.4", "NIST AU-9"),
    ),
    Control(
        id="AUD-01",
        level=1,
        title="an audit daemon that is there audits",
        judge=_audit_where_there,
        references=("NIST AU-12",),
    ),
    Control(
        id="AUD-02",
        level=2,
        title="there is an audit daemon",
        judge=_audit,
        references=("CIS Debian 12 6.2.1.2", "NIST AU-12"),
    ),
    Control(
        id="LIM-01",
        level=1,
        title="nobody's limit allows core files",
        judge=_no_core_limit,
        references=("CIS Debian 12 1.5.3",),
    ),
)
