"""Planted faults: each line of the table changes one thing of a good node, and one control alone says so, by name.

A fault is a text of the recorded answers and what stands there instead; `section` says in which of the two answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagekit.checks.hardening.catalogue import CONTROLS
from imagekit.checks.hardening.model import Node, UnreadableError, parse_sections
from tests.support.hardenednode import LAYERS, changed, facts_text, layer, node, node_text, waived

DIRECT = frozenset({"KRN-15"})  # the direct boot path switches the processor's workarounds off to be quick


@dataclass(frozen=True, slots=True)
class Fault:
    """One line: what is changed where, which control says it, and what its message must hold."""

    name: str
    section: str
    old: str
    new: str
    control: str
    says: str


TABLE = (
    Fault(
        "root may log in", "facts", r"^permitrootlogin no", "permitrootlogin yes", "SSH-01", "permitrootlogin is yes"
    ),
    Fault(
        "root may log in by key",
        "facts",
        r"^permitrootlogin no",
        "permitrootlogin prohibit-password",
        "SSH-01",
        "not no",
    ),
    Fault(
        "empty passwords over SSH", "facts", r"^permitemptypasswords no", "permitemptypasswords yes", "SSH-02", "is yes"
    ),
    Fault("old rhosts trust", "facts", r"^ignorerhosts yes", "ignorerhosts no", "SSH-03", "ignorerhosts is no"),
    Fault("many tries", "facts", r"^maxauthtries \d+", "maxauthtries 20", "SSH-05", "20, not between"),
    Fault(
        "sessions that never end", "facts", r"^clientaliveinterval \d+", "clientaliveinterval 0", "SSH-07", "after 0 s"
    ),
    Fault("a weak cipher", "facts", r"^ciphers ", "ciphers 3des-cbc,", "SSH-08", "offers 3des-cbc"),
    Fault("a weak MAC", "facts", r"^macs ", "macs hmac-md5,", "SSH-09", "offers hmac-md5"),
    Fault(
        "a weak key exchange",
        "facts",
        r"^kexalgorithms ",
        "kexalgorithms diffie-hellman-group1-sha1,",
        "SSH-10",
        "group1-sha1",
    ),
    Fault("a tunnel", "facts", r"^permittunnel no", "permittunnel yes", "SSH-12", "permittunnel is yes"),
    Fault("PAM is left out", "facts", r"^usepam yes", "usepam no", "SSH-13", "usepam is no"),
    Fault("an account without a password", "facts", r"^daemon:locked", "daemon:empty", "ACC-01", "asked of: daemon"),
    Fault("a second root", "facts", r"^games:x:5:60:", "games:x:0:60:", "ACC-02", "games"),
    Fault("a shell for a daemon", "facts", r"^(man:.*:)/usr/sbin/nologin", r"\1/bin/bash", "ACC-04", "man"),
    Fault("two accounts with one id", "facts", r"^lp:x:7:", "lp:x:8:", "ACC-06", "8"),
    Fault("a password in the open", "facts", r"^irc:x:", "irc:abcdefgh:", "ACC-07", "irc"),
    Fault(
        "a home for everybody", "node", r"^\d+ imagekit-test ", "777 imagekit-test ", "ACC-08", "/home/imagekit-test"
    ),
    Fault("weak hashes", "node", r"^ENCRYPT_METHOD.*", "ENCRYPT_METHOD DES", "ACC-10", "is DES"),
    Fault(
        "PAM takes nothing for a password",
        "node",
        r"^(common-auth:auth.*pam_unix\.so)",
        r"\1 nullok",
        "PAM-01",
        "nullok",
    ),
    Fault("short passwords", "node", r"^minlen = 14", "minlen = 6", "PAM-03", "6 characters"),
    Fault("su for everybody", "node", r"^su:auth required pam_wheel.*", "su:#", "PAM-06", "pam_wheel"),
    Fault(
        "addresses are not random",
        "facts",
        r"^kernel.randomize_va_space = 2",
        "kernel.randomize_va_space = 0",
        "KRN-01",
        "is 0, not 2",
    ),
    Fault(
        "kernel addresses for all",
        "facts",
        r"^kernel.kptr_restrict = \d",
        "kernel.kptr_restrict = 0",
        "KRN-03",
        "kptr_restrict is 0",
    ),
    Fault(
        "core files", "facts", r"^kernel.core_pattern = .*", "kernel.core_pattern = core", "KRN-11", "written to files"
    ),
    Fault("a module of old disks is loaded", "facts", r"^overlay$", "overlay\ncramfs", "MOD-01", "cramfs is loaded"),
    Fault(
        "DCCP can be loaded",
        "node",
        r"^dccp .*",
        "dccp 1 insmod /lib/modules/x/dccp.ko ;",
        "MOD-05",
        "dccp can be loaded",
    ),
    Fault(
        "redirects are taken",
        "facts",
        r"^net.ipv4.conf.all.accept_redirects = 0",
        "net.ipv4.conf.all.accept_redirects = 1",
        "NET-04",
        "is 1",
    ),
    Fault(
        "senders choose the route",
        "facts",
        r"^net.ipv6.conf.all.accept_source_route = \S+",
        "net.ipv6.conf.all.accept_source_route = 1",
        "NET-07",
        "ipv6",
    ),
    Fault("Secure Boot without lockdown", "node", r"(?<=secureboot\n)bios", " 1", "KRN-16", r"lockdown is \[none\]"),
    Fault(
        "/tmp runs set-id programs", "facts", r"( /tmp \S*?),nosuid", r"\1", "MNT-02", "/tmp is mounted without nosuid"
    ),
    Fault(
        "a set-id program",
        "node",
        r"(?<=privileged\n)",
        "set 4755 root /usr/local/bin/rootme\n",
        "FIL-01",
        "/usr/local/bin/rootme",
    ),
    Fault(
        "a capability",
        "node",
        r"(?<=capabilities\n)",
        "/usr/bin/python3 cap_sys_admin=ep\n",
        "FIL-02",
        "python3 cap_sys_admin",
    ),
    Fault(
        "more of a declared capability",
        "node",
        r"^(/usr/bin/arping) cap_net_raw",
        r"\1 cap_net_raw,cap_sys_admin",
        "FIL-02",
        "arping",
    ),
    Fault("a file for all", "node", r"(?<=privileged\n)", "open 666 root /etc/cron.d/x\n", "FIL-03", "/etc/cron.d/x"),
    Fault(
        "passwd is open",
        "facts",
        r"^644(\troot\troot\tf\t\d+\t\S+\t/etc/passwd\t)",
        r"666\1",
        "FIL-04",
        "/etc/passwd is 0666",
    ),
    Fault(
        "something listens",
        "facts",
        r"^tcp LISTEN .*",
        'tcp LISTEN 0 9 0.0.0.0:4444 0.0.0.0:* users:(("nc",pid=1,fd=3))\n\\g<0>',
        "SRV-01",
        "4444",
    ),
    Fault("a telnet server", "facts", r"^ii \ttelnetd\t|^(ii \tsudo\t)", "ii \ttelnetd\t1\n\\1", "SRV-02", "telnetd"),
    Fault("the journal is lost", "node", r"^\[Journal\]", "[Journal]\nStorage=volatile", "LOG-01", "Storage=volatile"),
    Fault("auditing is off", "node", r"(?<=audit\n)absent", "enabled 0", "AUD-01", "auditing is 0"),
    Fault("core files by limit", "node", r"^\*\s+hard\s+core\s+0", "* hard core unlimited", "LIM-01", "unlimited"),
)


def wrong(judged: Node) -> Iterator[tuple[str, str]]:
    """Every control that does not hold, with its message."""
    for control in CONTROLS:
        if control.id not in waived() | DIRECT and (message := control.judge(judged)):
            yield control.id, message


def test_the_recorded_node_is_good() -> None:
    """What the image does not meet on purpose is waived by name, and nothing else is."""
    assert dict(wrong(node())) == {}


def test_no_waiver_is_for_what_holds() -> None:
    judges = {each.id: each.judge for each in CONTROLS}
    assert [name for name in sorted(waived()) if not judges[name](node())] == []


def planted(fault: Fault) -> Node:
    """The node with the fault; the text that is changed must be there."""
    text = facts_text() if fault.section == "facts" else node_text()
    spoilt, number = re.subn(fault.old, fault.new, text, count=1, flags=re.MULTILINE)
    assert number == 1, f"nothing to change: {fault.old}"
    return node(facts=spoilt) if fault.section == "facts" else node(sections=spoilt)


@pytest.mark.parametrize("fault", TABLE, ids=lambda fault: fault.name)
def test_the_named_control_says_it_and_no_other(fault: Fault) -> None:
    found = dict(wrong(planted(fault)))
    assert list(found) == [fault.control]
    assert re.search(fault.says, found[fault.control]), found[fault.control]


def test_most_controls_were_seen_to_fail() -> None:
    """Of those that are required here; the rest are settings of the same kind."""
    required = {each.id for each in CONTROLS} - waived() - DIRECT
    assert len({fault.control for fault in TABLE}) >= len(required) * 0.5


@pytest.mark.parametrize("name", sorted(set(parse_sections(node_text()))))
def test_a_section_that_is_missing_is_never_a_pass(name: str) -> None:
    """A program that is not there leaves its section without ``ok``."""
    spoilt = re.sub(rf"(\x1e{name}\n(?:(?!\x1e)[\s\S])*?)^ok\n(?=\x1e)", r"\1", node_text(), count=1, flags=re.M)
    judged = node(sections=spoilt)
    assert name not in judged.sections
    unreadable = 0
    for control in CONTROLS:
        try:
            control.judge(judged)
        except UnreadableError:
            unreadable += 1
    # core dumps and lockdown are asked about only where the kernel says that it matters
    assert unreadable or name in ("coredump", "lockdown")


@pytest.mark.parametrize(
    ("fields", "controls"),
    [
        ({"users": {}}, {"ACC-01", "ACC-02", "ACC-03", "ACC-04", "ACC-05", "ACC-06", "ACC-07"}),
        ({"passwords": {"root": "locked"}}, {"ACC-01", "ACC-03", "ACC-05"}),
        ({"cmdline": ()}, {"KRN-15"}),
        ({"sshd": {}}, {f"SSH-{number:02}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 18, 19)}),
        ({"sysctl": {}}, {"KRN-01", "KRN-03", "KRN-11", "NET-04"}),
        ({"listeners": ()}, {"SRV-01"}),
        ({"packages": {}}, {"SRV-02"}),
        ({"files": {}}, {"FIL-04", "SSH-16"}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_the_node_did_not_say_is_never_a_pass(fields: dict[str, object], controls: set[str]) -> None:
    judged = changed(node(), **fields)
    for control in CONTROLS:
        if control.id in controls:
            try:
                assert control.judge(judged), f"{control.id} passed without having been told anything"
            except UnreadableError:
                continue


@given(st.integers(min_value=1, max_value=len(node_text()) - 8))
def test_an_answer_that_breaks_off_is_none(end: int) -> None:
    with pytest.raises(UnreadableError, match="broke off"):
        parse_sections(node_text()[:end])


def test_waivers_are_of_controls_that_exist_and_end() -> None:
    known = {each.id for each in CONTROLS}
    for name in LAYERS:
        for each in layer(name).hardening.waived:
            assert each.is_rule or each.control in known
            assert date.fromisoformat(each.until)


def test_ids_are_unique_and_of_one_form() -> None:
    ids = [each.id for each in CONTROLS]
    assert len(set(ids)) == len(ids) >= 80
    assert all(re.fullmatch(r"[A-Z]{3}-\d\d", each) for each in ids)
    assert {each.level for each in CONTROLS} == {1, 2}


def test_the_page_of_the_runbook_is_there() -> None:
    assert (Path(__file__).parents[4] / "docs/runbook/hardening.md").is_file()
