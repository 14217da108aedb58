"""sshd and PAM in effect: what the programs themselves would make of the files."""

from __future__ import annotations

import pytest

from imagekit.artifact.inventory import ImageMember, Inventory
from imagekit.inventory.effects import module_rows, pam_rows, sshd_rows
from imagekit.inventory.pam import pam
from imagekit.inventory.sshd import sshd


def image(**files: str) -> Inventory:
    """An image with these files; ``__`` in a name is a slash, ``_dot_`` a dot."""
    found = Inventory()
    for name, text in files.items():
        path = name.replace("__", "/").replace("_dot_", ".")
        found.contents[path] = text.encode()
        found.nodes[path] = ImageMember("f", 0o644, len(text))
    return found


MAIN = "etc__ssh__sshd_config"


def test_the_first_value_of_a_keyword_counts_and_includes_stand_where_they_are() -> None:
    found = sshd(
        image(
            etc__ssh__sshd_config="Include /etc/ssh/sshd_config.d/*.conf\n"
            "PasswordAuthentication yes\nPort 22\nPort 2222\n",
            etc__ssh__sshd_config_dot_d__20_dot_conf="PasswordAuthentication maybe\n",
            etc__ssh__sshd_config_dot_d__10_dot_conf="passwordauthentication=no # ours\n",
            etc__ssh__sshd_config_dot_d__30_dot_txt="MaxAuthTries 1\n",
        )
    )
    assert found == {"passwordauthentication": "no", "port": "22 2222"}


def test_a_match_block_is_told_with_its_criteria_and_ends_where_it_ends() -> None:
    text = "Match User  Backup\n  ForceCommand /bin/true\nMatch all\nX11Forwarding yes\n"
    assert sshd(image(**{MAIN: text})) == {"match user backup: forcecommand": "/bin/true", "x11forwarding": "yes"}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Subsystem\tsftp\t/usr/lib/sftp", {"subsystem": "sftp /usr/lib/sftp"}),
        ("UsePAM=yes", {"usepam": "yes"}),
        ("UsePAM = yes", {"usepam": "yes"}),
        ('Banner "/etc/a b"', {"banner": "/etc/a b"}),
        ("SetEnv A=1", {"setenv": "A=1"}),
        ("HostKey /a\nHostKey /b\nHostKey /a", {"hostkey": "/a /b"}),
    ],
)
def test_lines_are_read_as_sshd_reads_them(line: str, found: dict[str, str]) -> None:
    assert sshd(image(**{MAIN: line})) == found


def test_an_include_that_includes_itself_ends() -> None:
    assert sshd(image(**{MAIN: "Include sshd_config\nUsePAM yes\n"})) == {"usepam": "yes"}


@pytest.mark.parametrize("text", ['Banner "unended\n', "\n\n#\n=\n", "Include\nMatch\nPort\n", "\x00\xff\n"])
def test_what_is_no_configuration_does_not_end_the_inventory(text: str) -> None:
    sshd(image(**{MAIN: text}))


@pytest.mark.parametrize(
    ("a", "b", "told"),
    [
        ({"usepam": "yes"}, {"usepam": "yes", "passwordauthentication": "no"}, "sshd now refuses password logins"),
        ({"passwordauthentication": "no"}, {"usepam": "no"}, "sshd now accepts password logins"),
        ({"permitrootlogin": "no"}, {"permitrootlogin": "yes"}, "sshd now accepts root logins, by password too"),
        ({"port": "22"}, {"port": "2222"}, "sshd listens on port 2222 now, not on 22"),
        ({"port": "22"}, {"port": "22", "allowusers": "kairos"}, "sshd: allowusers is set now: kairos"),
        ({"port": "22", "ciphers": "a"}, {"port": "22"}, "sshd: ciphers is not set any more (was a)"),
        ({"maxauthtries": "2"}, {"maxauthtries": "3"}, "sshd: maxauthtries 2 to 3"),
        ({}, {"port": "22"}, "sshd is configured now"),
    ],
)
def test_sshd_is_told_by_what_it_does(a: dict[str, str], b: dict[str, str], told: str) -> None:
    assert [row[3] for row in sshd_rows(a, b)] == [told]


@pytest.mark.parametrize(
    "b", [{"passwordauthentication": "yes"}, {"permitrootlogin": "prohibit-password"}, {"port": "22"}]
)
def test_a_default_that_is_said_is_no_change(b: dict[str, str]) -> None:
    assert list(sshd_rows({"usepam": "no"}, {**b, "usepam": "no"})) == []


def test_pam_follows_includes_and_keeps_the_kind_that_is_asked_for() -> None:
    texts = {
        "etc__pam_dot_d__sshd": "auth include password-auth\n@include common\nsession optional pam_motd.so a \\\n  b\n",
        "etc__pam_dot_d__common": "-session required pam_unix.so # comment\n",
        "etc__pam_dot_d__password-auth": "auth [success=1  default=ignore] pam_unix.so\naccount required x.so\n",
    }
    found = pam(image(**texts))
    assert found == {
        "sshd": (
            "auth [success=1 default=ignore] pam_unix.so",
            "session required pam_unix.so",
            "session optional pam_motd.so a b",
        )
    }


def test_what_etc_says_of_a_service_stands_over_usr() -> None:
    found = pam(image(etc__pam_dot_d__su="auth required a.so\n", usr__lib__pam_dot_d__su="auth required b.so\n"))
    assert found == {"su": ("auth required a.so",)}


def test_pam_files_that_include_each_other_end() -> None:
    assert pam(image(etc__pam_dot_d__a="@include a\nauth required x.so\n")) == {}


def test_pam_is_told_once_for_all_services_that_have_it() -> None:
    old = dict.fromkeys(("cron", "login", "sshd", "su", "sudo", "xyz"), ("auth required pam_unix.so",))
    new = {name: ("auth sufficient pam_sss.so use_first_pass", *lines) for name, lines in old.items()}
    assert [row[3] for row in pam_rows(old, new)] == [
        "PAM asks pam_sss.so (auth sufficient use_first_pass) now for cron, login, sshd, su and 2 more"
    ]
    assert [row[3] for row in pam_rows(new, old)] == [
        "PAM does not ask pam_sss.so (auth sufficient use_first_pass) any more for cron, login, sshd, su and 2 more"
    ]


def test_another_order_of_the_same_lines_is_told() -> None:
    assert [row[3] for row in pam_rows({"su": ("a b c", "d e f")}, {"su": ("d e f", "a b c")})] == [
        "PAM asks in another order for su"
    ]


def test_many_modules_are_counted() -> None:
    names = [f"m{number}" for number in range(9)]
    assert [row[3] for row in module_rows((), names)] == ["kernel modules m0, m1, m2, m3 and 5 more added"]
    assert [row[3] for row in module_rows(["a"], [])] == ["kernel module a removed"]
