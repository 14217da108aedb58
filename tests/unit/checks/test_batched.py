"""What testinfra's modules ask is answered out of the facts, as the node itself would have answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import testinfra
from testinfra.backend.base import CommandResult
from testinfra.host import Host

from imagekit.checks.answers import answer, resolved
from imagekit.checks.batched import Batch, BatchedHost
from imagekit.checks.facts import Facts, FactsError, File, Mount, Unit, collect_facts, parse_facts
from tests.support.hardenednode import facts_text, node

FOLDER = File(0o755, "root", "root", "d", 40, "")


def link(target: str) -> File:
    return File(0o777, "root", "root", "l", len(target), target)


def plain(mode: int, size: int = 10, group: str = "root") -> File:
    return File(mode, "root", group, "f", size, "")


FILES = {
    **dict.fromkeys(("/etc", "/etc/ssh", "/boot", "/usr/bin", "/usr/sbin", "/run/systemd/system"), FOLDER),
    "/etc/shadow": plain(0o640, 663, "shadow"),
    "/etc/resolv.conf": link("/run/resolv.conf"),
    "/etc/keys": link("ssh"),
    "/etc/ssh/key": plain(0o600),
    "/etc/loop": link("loop"),
    "/etc/up": link("../etc/shadow"),
    "/boot/vmlinuz": link("vmlinuz-6.12"),
    "/boot/vmlinuz-6.12": plain(0o644, 9_000_000),
    "/tmp": File(0o1777, "root", "root", "d", 60, ""),
    "/usr/sbin/sysctl": plain(0o755),
}


def test_facts_are_asked_for_once_and_before_they_are_wanted() -> None:
    asked, wanted = threading.Event(), threading.Event()
    times: list[str] = []

    def collect() -> Facts:
        times.append(threading.current_thread().name)
        asked.set()
        assert wanted.wait(30)
        return parse_facts(facts_text())

    batch = Batch(collect)
    batch.ask_now()
    assert asked.wait(30)
    wanted.set()
    assert batch.facts is batch.facts
    assert len(times) == 1
    assert times != [threading.current_thread().name]


def test_facts_that_could_not_be_had_are_told_where_they_are_wanted() -> None:
    def collect() -> Facts:
        raise FactsError("the node's facts broke off")

    batch = Batch(collect)
    batch.ask_now()
    for _ in range(2):
        with pytest.raises(FactsError, match="broke off"):
            _ = batch.facts


class Backend:
    """A node that answers nothing, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def run(self, command: str, *args: str) -> CommandResult:
        self.asked.append(command.replace("%%", "%") if not args else command % args)
        return self.result(0, b"", "live", "")

    def encode(self, text: str) -> bytes:
        return text.encode()

    def result(self, code: int, command: bytes, out: str, err: str) -> CommandResult:
        return CommandResult(self, code, command, out, err)


@pytest.fixture
def facts() -> Facts:
    """The recorded node, with files that show each kind of path."""
    return replace(node().facts, files=FILES, arch="x86_64", packages={"sssd-ad": "2.10.1-2"})


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def batch(facts: Facts) -> Batch:
    return Batch(lambda: facts)


@pytest.fixture
def host(backend: Backend, batch: Batch) -> Any:
    return BatchedHost(Host(backend), batch)


QUESTIONS: dict[str, tuple[Callable[[Any], object], object]] = {
    "owner, group and mode of a file": (
        lambda host: [getattr(host.file("/etc/shadow"), each) for each in ("user", "group", "mode", "size")],
        ["root", "shadow", 0o640, 663],
    ),
    "a file that is not there": (lambda host: host.file("/etc/hostname").exists, False),
    "a folder is no file": (lambda host: host.file("/etc/ssh").is_file, False),
    "a folder": (lambda host: host.file("/tmp").is_directory, True),
    "sticky": (lambda host: host.file("/tmp").mode, 0o1777),
    "through a link": (lambda host: host.file("/boot/vmlinuz").size, 9_000_000),
    "through a link to a folder": (lambda host: host.file("/etc/keys/key").mode, 0o600),
    "what a link leads to": (lambda host: host.file("/boot/vmlinuz").linked_to, "/boot/vmlinuz-6.12"),
    "a link": (lambda host: host.file("/etc/resolv.conf").is_symlink, True),
    "no link": (lambda host: host.file("/etc/shadow").is_symlink, False),
    "a package": (lambda host: host.package("sssd-ad").is_installed, True),
    "its version": (lambda host: host.package("sssd-ad").version, "2.10.1-2"),
    "no package": (lambda host: host.package("cloud-init").is_installed, False),
    "a service that runs": (lambda host: host.service("NetworkManager").is_running, True),
    "a service that waits": (lambda host: host.service("sssd").is_running, False),
    "a service that starts at boot": (lambda host: host.service("NetworkManager").is_enabled, True),
    "a service that does not": (lambda host: host.service("k0sworker").is_enabled, False),
    "a user": (lambda host: (host.user("imagekit-test").exists, host.user("imagekit-test").uid), (True, 1000)),
    "a user's shell": (lambda host: host.user("sssd").shell, "/usr/sbin/nologin"),
    "members of a group": (lambda host: host.group("admin").members, ["imagekit-test", "kairos"]),
    "a number of the kernel": (lambda host: host.sysctl("kernel.pid_max"), 4194304),
    "a text of the kernel": (lambda host: host.sysctl("kernel.core_pattern"), "|/bin/false"),
    "a mount": (lambda host: "ro" in host.mount_point("/").options, True),
    "no mount": (lambda host: host.mount_point("/nowhere").exists, False),
    "the system": (lambda host: (host.system_info.distribution, host.system_info.arch), ("debian", "x86_64")),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered_without_the_node(host: Any, backend: Backend, question: str) -> None:
    ask, wanted = QUESTIONS[question]
    assert ask(host) == wanted
    assert backend.asked == []


@pytest.mark.parametrize(
    "path",
    [
        "/etc/resolv.conf",
        "/etc/loop",
        "/etc/up",
        "/etc/../x",
        "/etc/shadow/x",
        "/srv/x",
        "/usr",
        "relative",
        "/etc/a\tb",
    ],
)
def test_a_path_that_the_facts_do_not_tell_of_is_the_nodes_to_answer(facts: Facts, path: str) -> None:
    assert resolved(facts, path) is None
    assert answer("test -e %s", (path,), facts) is None


@pytest.mark.parametrize(
    ("command", "args"),
    [
        ("systemctl is-active %s", ("sshd",)),  # an alias of ssh.service
        ("systemctl is-enabled %s", ("ssh",)),  # of a kind that facts.sh does not list
        ("dpkg-query -f '${Status}' -W %s", ("lib*",)),
        ("rpm -q --quiet %s 2>&1", ("sssd-ad-2.10.1",)),
        ("id %s", ("alice",)),  # may be an account of a directory
        ("stat -Lc %%a %s", ("/etc/nothing",)),
        ("%s -n %s", ("sysctl", "no.such.key")),
        ("%s -n %s", ("sysctl", "dev.cdrom.info")),
        ("cat -- %s", ("/etc/shadow",)),
        ("command -v %s", ("no-such-program",)),
    ],
)
def test_what_facts_cannot_answer_for_sure(facts: Facts, command: str, args: tuple[str, ...]) -> None:
    assert answer(command, args, facts) is None


def test_the_same_question_again_goes_to_the_node(host: Any, backend: Backend, batch: Batch) -> None:
    """So that a loop that waits for something comes to its end."""
    service = host.service("sssd")
    assert not service.is_running
    assert service.is_running  # the node says 0 to everything
    assert backend.asked == ["systemctl is-active sssd"]
    batch.begin()
    assert not service.is_running


@pytest.mark.parametrize("verb", ["run", "run_test", "check_output"])
def test_after_a_command_of_its_own_a_check_asks_the_node(host: Any, backend: Backend, batch: Batch, verb: str) -> None:
    assert not host.service("sssd").is_running
    batch.begin()
    getattr(host, verb)("systemctl restart sssd")
    assert host.service("sssd").is_running
    assert backend.asked == ["systemctl restart sssd", "systemctl is-active sssd"]


def test_a_mount_as_the_kernel_writes_it(facts: Facts) -> None:
    mounts = {
        "/a b": Mount("/dev/sda1", "ext4", frozenset({"rw", "nosuid"}), frozenset({"ro", "errors=panic"})),
        "/x": Mount("none", "tmpfs", frozenset({"rw"}), frozenset({"rw"})),
    }
    lines = "/dev/sda1 /a\\040b ext4 ro,errors=panic,nosuid 0 0\nnone /x tmpfs rw 0 0"
    assert answer("cat /proc/mounts", (), replace(facts, mounts=mounts)) == (0, lines)


def test_a_number_of_the_kernel_with_several_lines_is_whole() -> None:
    """`sysctl -a` names each line of it, `sysctl -n`, which testinfra asks, none."""
    several = "".join(f"kernel.core_modes = {each}\n" for each in ("file", "pipe", "socket"))
    facts = parse_facts(facts_text().replace("kernel.pid_max = ", several + "kernel.pid_max = ", 1))
    assert answer("%s -n %s", ("/usr/sbin/sysctl", "kernel.core_modes"), facts) == (0, "file\npipe\nsocket")
    assert facts.sysctl["kernel.pid_max"] == "4194304"


def test_what_a_program_did_not_tell_is_said_in_words() -> None:
    """A section is empty where its program failed or is missing; a bare KeyError named neither."""
    whole = facts_text()
    before, sshd, after = whole.partition("\x1esshd\n")
    empty = parse_facts(before + sshd + after[after.index("\x1e") :])
    with pytest.raises(FactsError, match=r"the node told nothing at all: sshd -T"):
        empty.sshd["maxauthtries"]
    with pytest.raises(FactsError, match=r"told nothing of 'no.service': systemctl list-units"):
        parse_facts(whole).units["no.service"]
    assert "maxauthtries" not in empty.sshd
    assert empty.sshd.get("maxauthtries") is None


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [
        (Unit("loaded", "active", "exited"), (0, "active")),
        (Unit("loaded", "reloading", "reload"), (0, "reloading")),
        (Unit("loaded", "failed", "failed"), (3, "failed")),
        (Unit("loaded", "activating", "start"), (3, "activating")),
        (Unit("masked", "inactive", "dead"), (3, "inactive")),
        (Unit("not-found", "inactive", "dead"), None),
    ],
)
def test_a_unit_that_is_active(facts: Facts, unit: Unit, wanted: object) -> None:
    assert answer("systemctl is-active %s", ("x",), replace(facts, units={"x.service": unit})) == wanted


def test_this_machine_answers_the_same() -> None:
    """Commands of testinfra's modules, to this machine and to its facts: where the facts answer, it is the same."""
    local = testinfra.get_host("local://")
    facts = collect_facts(local)
    paths = [path for path, file in facts.files.items() if path.startswith("/etc/") or file.kind == "l"][:60]
    paths += ["/etc/imagekit-not-there", "/usr/bin/sh", "/usr/bin/awk", "/etc/os-release", "/tmp", "/etc/shadow/x"]
    asked = [(f"test -{kind} %s", path) for path in paths for kind in "efdL"]
    asked += [(f"stat -Lc %%{field} %s", path) for path in paths for field in "UGas"]
    asked += [("realpath %s", path) for path in paths]
    asked += [("id -u %s", "root"), ("getent passwd %s", "root"), ("getent group %s", "tty")]
    known = {each: answer(each[0], (each[1],), facts) for each in asked}
    sure = [each for each, found in known.items() if found is not None]
    assert len(sure) > len(asked) / 2
    commands = (local.backend.quote(*each) for each in sure)
    script = "".join(f"o=$({command} 2>/dev/null); printf '%s=%s\\036' $? \"$o\"\n" for command in commands)
    said = local.run("sh -c %s", script).stdout.split("\x1e")[:-1]
    found = {
        each: (int(code), out) for each, (code, _, out) in zip(sure, (one.partition("=") for one in said), strict=True)
    }
    fields = {each: answer for each, answer in known.items() if each in found}
    assert {each: text for each, text in found.items() if not _same(each[0], text, fields[each])} == {}


def _same(command: str, found: tuple[int, str], known: tuple[int, str] | None) -> bool:
    """Of the group that getent prints, the facts have name and members; the others word for word."""
    return found[0] == (known or (-1,))[0] if command.startswith("getent group") else found == known
