"""Cloud-configs: kept as written (W26), wrong types and misspelt keys refused with file and line (W27, W28)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from imagekit.base.errors import ConfigError
from imagekit.config.cloudconfig import HARNESS_USER, read_cloud_config
from imagekit.config.goyaml import Text
from imagekit.config.merge import cloud_config_text, merge, merged_cloud_config
from imagekit.config.yamlfile import parse_yaml

HEADER = "#cloud-config\n"


def write(tmp_path: Path, body: str, header: str = HEADER, name: str = "node.yaml") -> Path:
    path = tmp_path / name
    path.write_text(header + body)
    return path


def refusal(tmp_path: Path, body: str, header: str = HEADER) -> str:
    with pytest.raises(ConfigError) as caught:
        read_cloud_config(write(tmp_path, body, header))
    return f"{caught.value} {caught.value.hint}"


# W26: each became another thing on its way (false, true, 41135040001, 1350, 1.1, a crash).
WORDS = (
    *("no", "on", "52:54:00:12:34:56", "22:30", "1.10", "0644", "1_000", "=", "~", "2024-01-02", "0o17", "1e3"),
    *("'no'", '"0644"', "''", '"a\\tb"', "'it''s'", "yes", "é😀", "08", "0x1F", "a #b", "'a: b'", '"\\u00e9 \\n"'),
)


def events(text: str) -> list[tuple[str, Any]]:
    """Scalars with their text and whether they are plain; nothing else of a document may change but its layout."""
    return [
        (event.value, event.style in (None, "")) for event in yaml.parse(text) if isinstance(event, yaml.ScalarEvent)
    ]


@pytest.mark.parametrize("word", WORDS)
def test_a_scalar_arrives_as_it_was_written(tmp_path: Path, word: str) -> None:
    body = f"k3s:\n  value: {word}\n  list:\n  - {word}\n"
    merged = merged_cloud_config([write(tmp_path, body)])
    assert events(cloud_config_text(merged)) == events(body)


def test_merging_retypes_nothing_and_keeps_blocks(tmp_path: Path) -> None:
    below = write(tmp_path, "env: [a=1]\nk0s:\n  args: [--x, no, 1.10]\n  env: {A: 22:30}\n", name="a.yaml")
    above = write(
        tmp_path,
        'k0s:\n  args: ["1.10", 1.10, --y]\n  env:\n    B: |\n      #!/bin/sh\n      echo  "x"\n\n    A: 0644\n',
        name="b.yaml",
    )
    text = cloud_config_text(merged_cloud_config([below, above]))
    data = parse_yaml(text, tmp_path / "merged", as_written=True).data["k0s"]
    # 1.10 and "1.10" are two things to a node, one 1.10 and the other are one.
    assert [(str(arg), arg.style) for arg in data["args"]] == [
        ("--x", ""),
        ("no", ""),
        ("1.10", ""),
        ("1.10", '"'),
        ("--y", ""),
    ]
    assert (data["env"]["A"], data["env"]["A"].style) == ("0644", "")
    assert data["env"]["B"] == '#!/bin/sh\necho  "x"\n'


def test_no_and_quoted_no_are_one_item() -> None:
    assert merge([Text("no")], [Text("no", '"'), Text("1"), Text("1", "'")]) == ["no", "1", "1"]


def test_what_the_harness_adds_is_text_to_the_node() -> None:
    text = cloud_config_text({"a": "0o17", "b": "1e3", "c": 420, "d": True, "e": None, "f": "x\ny\n", "g": "no"})
    assert yaml.safe_load(text) == {"a": "0o17", "b": "1e3", "c": 420, "d": True, "e": None, "f": "x\ny\n", "g": "no"}
    assert '"0o17"' in text
    assert '"1e3"' in text


# W27, and `user:` for `users:` of operator.md, which passed 167 of 167 checks.
WRONG = {
    "user: for users:": (
        "stages:\n  initramfs:\n    - name: a\n      user:\n        zoe: {}\n",
        [":5: stages.initramfs.0.user: unknown key", "Did you mean 'users'?"],
    ),
    "user: for users: at the top": ("user: []\n", [":2: key 'user'", "Did you mean 'users'?"]),
    "a user that is a word": ("users: [default]\n", [":2: users.0: must be a mapping", "(got 'default')"]),
    "a user's key": (
        "users:\n  - name: zoe\n    ssh_authorised_keys: [k]\n",
        [":4: users.0.ssh_authorised_keys: unknown key", "Did you mean 'ssh_authorized_keys'?"],
    ),
    "groups as text": (
        "users:\n  - {name: zoe, groups: admin}\n",
        [":3: users.0.groups: must be a list (got 'admin')"],
    ),
    "users of a step as a list": (
        "stages:\n  boot:\n    - users: [{name: zoe}]\n",
        ["stages.boot.0.users: must be a mapping"],
    ),
    "quoted permissions of a step": (
        "stages:\n  boot:\n    - files:\n        - path: /a\n          permissions: '0644'\n",
        [":6: stages.boot.0.files.0.permissions: must be a whole number, without quotes"],
    ),
    "decimal permissions": (
        "stages:\n  boot:\n    - files: [{path: /a, permissions: 644}]\n",
        ["is read as a decimal number, 0o1204. Did you mean 0644?"],
    ),
    "permissions of write_files": ("write_files: [{path: /a, permissions: rw}]\n", ["write_files.0.permissions"]),
    "a flag as text": ("users: [{name: a, lock_passwd: 'true'}]\n", ["lock_passwd: must be true or false"]),
    "an encoding": ("write_files: [{path: /a, encoding: base46}]\n", ["encoding", "Did you mean 'base64'?"]),
    "a command as text": ("stages:\n  boot:\n    - commands: reboot\n", [":4: stages.boot.0.commands: must be a list"]),
    "an empty item": ("runcmd:\n  - a\n  -\n", ["runcmd: item 2 is empty, and the node leaves it out"]),
    "owner as the README of yip has it": (
        "stages:\n  boot:\n    - files: [{path: /a, owner_string: root}]\n",
        ["owner_string: unknown key", "Did you mean 'ownerstring'?"],
    ),
    "a user without a name": ("users: [{passwd: x}]\n", ["users.0.name: required key is missing"]),
    "a list for text": ("hostname: [a]\n", ["hostname: must be text, not a list"]),
    "systemctl": ("stages:\n  boot:\n    - systemctl: {enabled: [a]}\n", ["Did you mean 'enable'?"]),
    "the harness's account": (f"users: [{{name: {HARNESS_USER}}}]\n", [":2: the account imagekit-test"]),
    "the harness's account in a step": (
        f"stages:\n  boot:\n    - users: {{{HARNESS_USER}: {{}}}}\n",
        [":4: the account imagekit-test"],
    ),
}


@pytest.mark.parametrize(("body", "says"), WRONG.values(), ids=WRONG)
def test_what_a_node_would_drop_is_refused_with_its_line(tmp_path: Path, body: str, says: list[str]) -> None:
    reported = refusal(tmp_path, body)
    assert [part for part in says if part not in reported] == [], reported


RIGHT = {
    "kubevip": "kubevip: {eip: 192.168.1.110, enable: true}\n",
    "a UKI stage": "stages:\n  kairos-uki-install.pre:\n    - commands: [a]\n",
    "all UKI stages": "".join(
        ["stages:\n"]
        + [f"  kairos-uki-{act}.{when}: []\n" for act in ("install", "reset", "upgrade") for when in ("pre", "after")]
    ),
    "a provider's stage": "stages:\n  provider-kairos.bootstrap.after.master:\n    - commands: [a]\n",
    "a layout": "stages:\n  kairos-install.pre.before:\n    - layout:\n        device: {path: /dev/vda}\n"
    "        add_partitions: [{fsLabel: COS_GRUB, size: 64, pLabel: efi, filesystem: fat}]\n",
    "nulls": "users:\nstages:\n  boot:\n    - users:\n        zoe:\n      commands: ~\n",
    "any scalar as text": "users: [{name: a, uid: 1000, gecos: 1.10}]\nstages:\n  boot:\n    - sysctl: {vm.x: 1}\n",
    "yes for a flag": "users: [{name: a, lock_passwd: yes, system: off}]\n",
    "if": "stages:\n  boot:\n    - {if: '[ -e /a ]', only_os: 'Debian.*', if_files: {any: [/a]}}\n",
    "0o and octal": "stages:\n  boot:\n    - files: [{path: /a, permissions: 0o644}, {path: /b, permissions: 0600}]\n",
}


@pytest.mark.parametrize("body", RIGHT.values(), ids=RIGHT)
def test_what_kairos_documents_is_taken(tmp_path: Path, body: str) -> None:
    assert read_cloud_config(write(tmp_path, body)).source.data


def test_a_refusal_names_the_version_of_the_list_and_the_way_out(tmp_path: Path) -> None:
    reported = refusal(tmp_path, "kubevpi: {}\n")
    assert "Kairos v4.2 (yip 1.25.1)" in reported
    assert "Did you mean 'kubevip'?" in reported
    assert "# imagekit: known kubevpi" in reported


def test_a_word_that_is_declared_as_known_is_taken_everywhere(tmp_path: Path) -> None:
    body = (
        "# imagekit: known newkey, after-moon\n  # imagekit: known dance\n"
        "newkey: 1\nstages:\n  after-moon: [{dance: [a], commands: [b]}]\n"
    )
    step = read_cloud_config(write(tmp_path, body)).source.data["stages"]["after-moon"][0]
    assert step == {"dance": ["a"], "commands": ["b"]}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("# imagekit: known users\nusers: []\n", ":2: 'users' is known without being declared"),
        ("# imagekit: known lock_passwd\nusers: []\n", "'lock_passwd' is known"),
        ("# imagekit: known boot.after\nusers: []\n", "'boot.after' is known"),
        ("hostname: a\n# imagekit: known gone\n", ":3: 'gone' is declared as known, and the file has no such key"),
    ],
)
def test_a_declaration_that_hides_or_helps_nothing_is_refused(tmp_path: Path, body: str, says: str) -> None:
    assert says in refusal(tmp_path, body)


def test_a_misspelt_key_beside_a_known_one_is_still_refused(tmp_path: Path) -> None:
    reported = refusal(tmp_path, "# imagekit: known dance\nstages:\n  boot: [{dance: [a], comands: [b]}]\n")
    assert "Did you mean 'commands'?" in reported


@pytest.mark.parametrize("key", ["users: []", "write_files: []", "hostname: a"])
def test_keys_that_the_header_makes_void_are_refused(tmp_path: Path, key: str) -> None:
    assert "runs only `stages` of a file with #node-config" in refusal(tmp_path, f"{key}\n", "#node-config\n")


def test_stages_need_no_particular_header(tmp_path: Path) -> None:
    assert read_cloud_config(write(tmp_path, "stages: {boot: [{commands: [a]}]}\n", "#node-config\n")).document.stages


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\ufeff#cloud-config\nstages: {}\n", "begins with a byte order mark"),
        ("# cloud-config\nstages: {}\n", "'# cloud-config' is none"),
        ("#Cloud-Config\nstages: {}\n", "'#Cloud-Config' is none"),
        ("#cloud-config for prod\nstages: {}\n", "'#cloud-config for prod' is none"),
        ("\n" * 12 + "#cloud-config\nstages: {}\n", "in the first 10 lines; '#cloud-config'"),
        ("#cloud-config\n# nothing yet\n", "the file must be a mapping"),
    ],
    ids=["mark", "blank", "capitals", "words", "late", "empty"],
)
def test_a_header_that_is_nearly_one_is_shown(tmp_path: Path, text: str, says: str) -> None:
    """What editors and people leave; the node ignores the file without a word."""
    path = tmp_path / "node.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(says)) as caught:
        read_cloud_config(path)
    assert caught.value.hint
