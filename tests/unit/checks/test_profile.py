"""A profile's promises as questions to a node: every account, key, file, name, unit and stage is asked for."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from imagekit.artifact.seed import NodeIdentity, cloud_config
from imagekit.base.process import run
from imagekit.checks.profile import COMPLAINTS, NO_COMPLAINT, NOTHING, Question, questions
from imagekit.config.cloudstep import Document
from imagekit.config.merge import merged_cloud_config

PROFILE = """\
#cloud-config
hostname: node-1
users:
  - {name: zoe, groups: [admin], shell: /bin/bash, uid: 2001, ssh_authorized_keys: [ssh-ed25519 AAAA zoe@corp]}
ssh_authorized_keys: [ssh-ed25519 BBBB all@corp, "github:somebody"]
write_files:
  - {path: /etc/a, content: "x\\n", permissions: "0640", owner: "root:admin"}
stages:
  rootfs:
    - files: [{path: /gone, content: in the initrd}]
  initramfs:
    - users: {operator: {lock_passwd: true}}
      authorized_keys: {operator: [ssh-ed25519 CCCC op]}
      files: [{path: /etc/b, content: "no {{ .Values.x }}", permissions: 0600}]
      directories: [{path: /etc/d, permissions: 0750}]
      sysctl: {net.ipv4.ip_forward: 1}
      modules: [br-netfilter]
      systemctl: {enable: [a.service], disable: [b.service], mask: [c.service], start: [d.service]}
      environment: {A: "1.10"}
      dns: {nameservers: [192.0.2.53], search: [corp.example]}
      timesyncd: {NTP: ntp.corp.example}
  boot.after:
    - if: '[ -e /run/x ]'
      hostname: "n-{{ trunc 4 .MachineID }}"
    - only_os: "Alpine.*"
      users: {elsewhere: {}}
"""


def asked(tmp_path: Path, text: str = PROFILE) -> dict[str, Question]:
    path = tmp_path / "node.yaml"
    path.write_text(text)
    data = merged_cloud_config([path])
    return {each.title: each for each in questions(Document.model_validate(data), data)}


@pytest.mark.parametrize("field", ["lock_passwd: true", 'passwd: "!"', 'passwd: "*"', 'passwd: "!$6$x$y"'])
def test_however_an_account_is_locked_it_must_be(tmp_path: Path, field: str) -> None:
    found = asked(tmp_path, f"#cloud-config\nstages: {{initramfs: [{{users: {{kairos: {{{field}}}}}}}]}}\n")
    assert "account kairos is locked" in found
    assert "account kairos has a password" not in found


def test_every_part_of_a_profile_is_asked_for(tmp_path: Path) -> None:
    assert set(asked(tmp_path)) == {
        "stage rootfs ran",
        "stage initramfs ran",
        "stage boot ran",
        "stage boot.after ran",
        "account zoe is there",
        "account zoe has the number 2001",
        "account zoe has the shell /bin/bash",
        "account zoe is in group admin",
        "key zoe@corp of account zoe is there",
        "key all@corp of account zoe is there",
        "file /etc/a has its mode",
        "file /etc/a has its owner",
        "file /etc/a has its content",
        "account operator is there",
        "account operator is locked",
        "key op of account operator is there",
        "file /etc/b is there",
        "file /etc/b has its mode",
        "file /etc/b has content",
        "directory /etc/d is there",
        "directory /etc/d has its mode",
        "sysctl net.ipv4.ip_forward is 1",
        "module br-netfilter is loaded",
        "unit a.service is enabled",
        "unit b.service is disabled",
        "unit c.service is masked",
        "unit d.service was started",
        "A is set in /etc/environment",
        "name server 192.0.2.53 is in /etc/resolv.conf",
        "domain corp.example is in /etc/resolv.conf",
        "timesyncd has NTP=ntp.corp.example",
        "timesyncd runs, which the profile configures",
        "the host name is the declared one",
    }


# Title, an answer that keeps the promise, and one that does not: a check that cannot fail proves nothing.
ANSWERS = [
    ("stage boot ran", "boot", ""),
    ("account zoe is there", "zoe", ""),
    ("account zoe has the number 2001", "2001", "1000"),
    ("account zoe is in group admin", "admin", ""),
    ("key zoe@corp of account zoe is there", "1", "0"),
    ("key op of account operator is there", "2", "grep: /home/operator/.ssh/authorized_keys: No such file"),
    ("account operator is locked", "locked", "set"),
    ("file /etc/a has its mode", "640", "644"),
    ("file /etc/a has its owner", "root:admin", "root:root"),
    ("file /etc/a has its content", hashlib.sha256(b"x\n").hexdigest(), hashlib.sha256(b"x").hexdigest()),
    ("file /etc/b has its mode", "600", "1130"),
    ("unit a.service is enabled", "enabled", "disabled"),
    ("unit d.service was started", "active", "failed"),
    ("A is set in /etc/environment", 'A="1.10"', "A=1.1"),
    ("the host name is the declared one", "n-1a2b", "node-1"),
    ("the host name is the declared one", "condition-does-not-hold", "kairos-1a2b"),
    ("sysctl net.ipv4.ip_forward is 1", "1", "0"),
    (
        "name server 192.0.2.53 is in /etc/resolv.conf",
        "nameserver 10.0.2.3 nameserver 192.0.2.53",
        "nameserver 10.0.2.3",
    ),
    ("name server 192.0.2.53 is in /etc/resolv.conf", "nameserver 192.0.2.53 ", "nameserver 192.0.2.5"),
    ("domain corp.example is in /etc/resolv.conf", "search a.example corp.example", "search a.example"),
    ("timesyncd has NTP=ntp.corp.example", "NTP = ntp.corp.example", "NTP=0.pool.example"),
    ("timesyncd runs, which the profile configures", "active", "inactive"),
]


@pytest.mark.parametrize(("title", "kept", "broken"), ANSWERS)
def test_an_answer_keeps_or_breaks_a_promise(tmp_path: Path, title: str, kept: str, broken: str) -> None:
    question = asked(tmp_path)[title]
    assert question.answered_by(kept + "\n")
    assert not question.answered_by(broken)


def test_the_commands_are_sound_shell(tmp_path: Path) -> None:
    for question in asked(tmp_path).values():
        run(["sh", "-n", "-c", question.command], timeout=10)


def test_a_command_answers_on_a_real_system(tmp_path: Path) -> None:
    text = f"#cloud-config\nwrite_files: [{{path: {tmp_path}/f, content: hello, permissions: '0600'}}]\n"
    found = asked(tmp_path, text)
    (tmp_path / "f").write_text("hello")
    (tmp_path / "f").chmod(0o600)

    def holds(title: str) -> bool:
        question = found[title]
        return question.answered_by(run(["sh", "-c", question.command], timeout=10, ok=range(256)).stdout)

    assert holds(f"file {tmp_path}/f has its content")
    assert holds(f"file {tmp_path}/f has its mode")
    (tmp_path / "f").write_text("other")
    assert not holds(f"file {tmp_path}/f has its content")


def test_a_profile_without_anything_asks_one_question_that_says_so(tmp_path: Path) -> None:
    assert list(asked(tmp_path, "#cloud-config\ninstall: {auto: true}\n").values()) == [NOTHING]
    assert NOTHING.answered_by("")


def test_a_mark_is_left_for_every_stage_that_is_asked_for(tmp_path: Path) -> None:
    """The harness's step comes last in each stage, and changes none of the profile's."""
    path = tmp_path / "node.yaml"
    path.write_text(PROFILE)
    profile: dict[str, Any] = merged_cloud_config([path])
    identity = NodeIdentity(hostname="n", user="imagekit-test", authorized_key="k", host_key="p\n", host_key_public="q")
    path.write_text(cloud_config(identity, profile).replace("imagekit-test", "somebody"))
    seeded = merged_cloud_config([path])
    for title in (title for title in asked(tmp_path) if title.startswith("stage ")):
        stage = title.split()[1]
        *before, last = seeded["stages"][stage]
        assert last["commands"] == [f"mkdir -p /run/imagekit/stages && touch /run/imagekit/stages/{stage}"]
        assert before[: len(profile["stages"].get(stage, ()))] == profile["stages"].get(stage, [])
    assert seeded["hostname"] == "node-1"
    assert seeded["users"] == profile["users"]


COMPLAINING = (
    'error: /oem/95_userdata/userdata.yaml: boot[0] "x": exit status 1',
    "skipping a config: /oem/95_userdata/userdata.yaml: yaml: unmarshal errors:",
    "warning: /oem/90_custom.yaml: its stages are not run: yaml: line 3: cannot unmarshal !!str into []string",
    "2026-11-28T10:00:00Z ERR failed to run /oem/90_custom.yaml.0: exit status 2",
    "2026-11-30T13:33:51Z ERR Error on file /oem/90_custom.yaml on stage x: 2 errors occurred:",
    "error: /usr/local/cloud-config/a.yaml: boot[0]: exit status 1",
)
HARMLESS = (
    '/oem/95_userdata/userdata.yaml: initramfs[0] "Account of the operators"',
    "error: no such device: /grub_oem_env.",
    "warning: /system/oem/99_sysext.yaml: step key skipped",
    '/oem/95_userdata/userdata.yaml: boot[1] "errors are counted here"',
    # Real Kairos (commit ca022425) at each boot, of its own 00_datasource.yaml.
    "(conditional) Skip 'Skipping stage (if statement error: failed to run [ -d /oem/userdata ] && "
    "[ ! -d /oem/95_userdata ]: exit status 1)' stage name: Datasource handling.Move old datasource to new location",
    "2026-11-30T13:27:00Z WRN (conditional) Skip 'Skipping stage (if statement error: failed to run "
    "[ ! -e /oem/95_userdata ]: exit status 1)' stage name: Datasource handling.3",
    # The same node, installed: it makes folders below /usr, which is read-only.
    "2026-11-30T13:33:51Z ERR Error on file /system/oem/99_sysext.yaml on stage Default sysext/confext extensions "
    "dirs: 2 errors occurred:",
)


@pytest.mark.parametrize("line", COMPLAINING + HARMLESS)
def test_a_failed_step_is_told_from_one_that_ran(line: str) -> None:
    script = f"grep -avE '{NO_COMPLAINT}' | grep -aE '{COMPLAINTS}'"
    done = run(["sh", "-c", script], timeout=10, stdin=f"{line}\n".encode(), ok=(0, 1))
    assert (done.returncode == 0) == (line in COMPLAINING)
