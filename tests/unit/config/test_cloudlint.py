"""What a node would ignore or do otherwise, found in files from anywhere; the profiles that come with the project."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.config.cloudlint import Finding, Severity, lint, lint_together
from imagekit.config.merge import merged_cloud_config

ROOT = Path(__file__).parents[3]
NODE = ROOT / "cloud-config/node.yaml"
PROFILES = sorted((ROOT / "cloud-config/profiles").glob("*.yaml"))
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ann@example.org"

TOKEN_KEY = (
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAEBAQ"
    "EBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAAAABHNzaDo= ann"
)
CONNECTION = "path: /etc/NetworkManager/system-connections/a.nmconnection"


def found(tmp_path: Path, body: str, *, flux: bool = False) -> list[Finding]:
    path = tmp_path / "node.yaml"
    path.write_text(f"#cloud-config\n{body}")
    return list(lint(path, flux=flux))


def step(body: str) -> str:
    indented = "".join(f"      {line}\n" for line in body.splitlines())
    return f"stages:\n  boot:\n    - name: step\n{indented}"


WRONG = {
    "key that was cut off": (
        "ssh_authorized_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5]\n",
        "ssh-key",
        "not a whole SSH key",
    ),
    "a private key's name": ("ssh_authorized_keys: [id_ed25519.pub]\n", "ssh-key", "no SSH key"),
    "key of a user in a step": (
        step("users:\n  ann:\n    ssh_authorized_keys: [ssh-rsa AAAA]"),
        "ssh-key",
        "not a whole SSH key",
    ),
    "plain password": ("users: [{name: ann, passwd: hunter2}]\n", "secret", "a password that is not hashed"),
    "private key in a file": (
        step("files:\n  - {path: /etc/x, content: '-----BEGIN EC PRIVATE KEY-----'}"),
        "secret",
        "a private key",
    ),
    "join token": (step(f"files:\n  - {{path: /etc/k0s/x, content: H4sI{'A' * 80}}}"), "secret", "a join token of k0s"),
    "bootstrap token": (
        "k0s-worker: {enabled: true, args: [--token, abcdef.0123456789abcdef]}\n",
        "secret",
        "bootstrap",
    ),
    "token that all may read": (
        step("files:\n  - {path: /etc/k0s/token, permissions: 0644, content: ''}"),
        "readable",
        "every account",
    ),
    "token without permissions": (
        "write_files: [{path: /etc/k0s/token, content: ''}]\n",
        "readable",
        "every account",
    ),
    "connection that NetworkManager ignores": (
        step(
            "files:\n  - {path: /etc/NetworkManager/system-connections/a.nmconnection, permissions: 0644, content: x}"
        ),
        "readable",
        "NetworkManager ignores",
    ),
    "the same by write_files": (
        f"write_files: [{{{CONNECTION}, permissions: '0640', content: x}}]\n",
        "readable",
        "NetworkManager ignores",
    ),
    "connection without its ending": (
        step("files:\n  - {path: /etc/NetworkManager/system-connections/eth0, permissions: 0600, content: x}"),
        "ignored-name",
        "read by nothing",
    ),
    "sysctl without .conf": (step("files:\n  - {path: /etc/sysctl.d/99-x, content: a}"), "ignored-name", "sysctl.d(5)"),
    "sudoers with a dot": (
        step("files:\n  - {path: /etc/sudoers.d/ann.bank, content: a}"),
        "ignored-name",
        "sudoers(5)",
    ),
    "cron with a dot": (
        "write_files: [{path: /etc/cron.d/job.sh, content: a}]\n",
        "ignored-name",
        "cron(8)",
    ),
    "host name with a line under": ("hostname: web_1\n", "host-name", "no host name"),
    "host name of 64": (f"hostname: {'a' * 64}\n", "host-name", "no host name"),
    "host name of a step": (step("hostname: -node"), "host-name", "no host name"),
    "name server by name": (step("dns: {nameservers: [192.0.2.53, dns.corp.example]}"), "name-server", "no address"),
    "name server of five parts": (step("dns: {nameservers: [10.0.2.33.1]}"), "name-server", "no address"),
    "unknown key": ("userz: []\n", "refused", "means nothing to a node"),
    "wrong type": (step("commands: reboot"), "refused", "must be a list"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_error_names_line_and_rule(tmp_path: Path, case: str) -> None:
    body, rule, text = WRONG[case]
    errors = [each for each in found(tmp_path, body) if each.severity is Severity.ERROR]
    assert [each.rule for each in errors] == [rule]
    assert text in errors[0].text
    assert 1 < errors[0].line <= body.count("\n") + 1
    assert errors[0].hint or rule == "refused"


LOCKED = {
    "in a stage": (step("users: {kairos: {lock_passwd: true}}"), True),
    "by the keys of cloud-init": ("users: [{name: ann, passwd: '!'}, {name: root, lock_passwd: true}]\n", True),
    "by its password": (step("users: {kairos: {passwd: '!', lock_passwd: true}}"), False),
    "one of its own": (step("users: {ann: {lock_passwd: true}}"), False),
}


@pytest.mark.parametrize("case", LOCKED)
def test_a_lock_that_does_not_count_is_a_warning(tmp_path: Path, case: str) -> None:
    body, warned = LOCKED[case]
    warnings = [each for each in found(tmp_path, body) if each.rule == "account"]
    assert [each.severity for each in warnings] == [Severity.WARNING] * warned
    assert all("lock_passwd" in each.text and each.line > 1 and 'passwd: "!"' in each.hint for each in warnings)


RIGHT = {
    "keys": f"ssh_authorized_keys:\n  - {KEY}\n  - github:ann\n  - 'restrict,command=\"ls\" {KEY}'\n",
    "key on a token": f"ssh_authorized_keys: [{TOKEN_KEY}]\n",
    "hash": "users: [{name: ann, passwd: $6$salt$abc}, {name: bob, passwd: '!'}]\n",
    "files": step(
        "files:\n  - {path: /etc/sysctl.d/99-x.conf, content: a}\n  - {path: /etc/sudoers.d/ann, content: a}\n"
        "  - {path: /etc/k0s/token, permissions: 0600, content: ''}"
    ),
    "files of cloud-init": "write_files: [{path: /etc/k0s/token, permissions: '0600', content: ''}]\n",
    "host names": step("hostname: node-{{ trunc 4 .MachineID }}") + "hostname: node-1.example.com\n",
    "a dollar without braces": step("commands: ['echo $HOME']"),
}


@pytest.mark.parametrize("case", RIGHT)
def test_what_is_right_is_not_named(tmp_path: Path, case: str) -> None:
    assert found(tmp_path, RIGHT[case], flux=True) == []


@pytest.mark.parametrize("text", ["${HOME}", "a${x:-b}c", "${a}${b}"])
def test_what_flux_eats_is_an_error_where_flux_is(tmp_path: Path, text: str) -> None:
    body = step(f"commands: ['echo {text}']")
    assert {each.severity for each in found(tmp_path, body)} == {Severity.WARNING}
    assert {each.severity for each in found(tmp_path, body, flux=True)} == {Severity.ERROR}
    assert found(tmp_path, step("commands: ['echo $${HOME} ${1} ${a[0]}']"), flux=True) == []


def test_a_template_that_nothing_fills_is_a_warning(tmp_path: Path) -> None:
    [one] = found(tmp_path, step("commands: ['echo {{ .MachineID }}']"))
    assert (one.rule, one.severity) == ("template", Severity.WARNING)


LACKS = {
    "no admin": ("hostname: a\n", {"no-admin"}),
    "no admin among groups": ("users: [{name: ann, groups: [wheel], passwd: $6$a$b}]\n", {"no-admin"}),
    "said that there is none": ("install: {nousers: true}\n", set()),
    "nobody can log in": ("users: [{name: ann, groups: [admin]}]\n", {"locked-out"}),
    "worker without a token": (
        "install: {nousers: true}\nk0s-worker: {enabled: true}\n",
        {"no-token"},
    ),
    "worker that is off": ("install: {nousers: true}\nk0s-worker: {enabled: false}\n", set()),
    "whole": (f"users: [{{name: ann, groups: [admin], ssh_authorized_keys: [{KEY}]}}]\n", set()),
    "user of a step": (step(f"users:\n  ann: {{groups: [admin], ssh_authorized_keys: [{KEY}]}}"), set()),
}


@pytest.mark.parametrize("case", LACKS)
def test_what_all_files_lack_together(tmp_path: Path, case: str) -> None:
    body, rules = LACKS[case]
    path = tmp_path / "node.yaml"
    path.write_text(f"#cloud-config\n{body}")
    assert {each.rule for each in lint_together([path])} == rules


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_a_profile_of_the_project_is_right(profile: Path) -> None:
    assert lint(profile, flux=True) == ()


def test_profiles_go_together() -> None:
    """Whatever two a node takes: no error, and each still says what it said."""
    for pair in itertools.combinations(PROFILES, 2):
        both = merged_cloud_config([NODE, *pair])
        assert not [each for each in lint_together([NODE, *pair]) if each.severity is Severity.ERROR]
        for profile in pair:
            assert merged_cloud_config([profile]).keys() <= both.keys()


def test_the_project_has_the_profiles_that_it_promises() -> None:
    wanted = {"ad-joined", "air-gapped", "controller", "kata", "proxy", "spire", "spot", "static-network", "worker"}
    assert {profile.stem for profile in PROFILES} == wanted


def test_a_file_that_is_not_yaml_is_one_finding(tmp_path: Path) -> None:
    path = tmp_path / "node.yaml"
    path.write_text("#cloud-config\na: [\n")
    [one] = lint(path)
    assert (one.rule, one.severity) == ("refused", Severity.ERROR)
    with pytest.raises(ConfigError):
        lint_together([path])
