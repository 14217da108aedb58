"""Join tokens in cloud-configs: found by where they are written, judged, and never shown."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import pytest

from imagekit.config.cloudlint import Finding, Severity, lint, lint_together
from imagekit.config.tokenlint import arguments, token_file
from tests.support.jointokens import SECRET, join_token

WORKER = "k0s-worker: {enabled: true, args: [--token-file, /etc/k0s/token]}\n"
ADMIN = "users: [{name: ann, groups: [admin]}]\n"


def written(content: str, *, path: str = "/etc/k0s/token", mode: str = "0600", more: str = "") -> str:
    return f"write_files: [{{path: {path}, permissions: '{mode}', content: {json.dumps(content)}{more}}}]\n"


def found(tmp_path: Path, body: str) -> list[Finding]:
    path = tmp_path / "seed.yaml"
    path.write_text(f"#cloud-config\n{body}")
    return [each for each in lint(path, seed=True) if each.severity is Severity.ERROR]


def test_a_seed_with_a_token_is_right(tmp_path: Path) -> None:
    assert found(tmp_path, WORKER + written(join_token())) == []


def test_without_seed_a_token_is_a_secret_in_git(tmp_path: Path) -> None:
    path = tmp_path / "node.yaml"
    path.write_text(f"#cloud-config\n{WORKER}{written(join_token())}")
    assert [each.rule for each in lint(path)] == ["secret"]


PACKED = base64.b64encode(gzip.compress(b"x" * 40)).decode()
WRONG = {
    "for a controller": (WORKER + written(join_token(user="controller-bootstrap")), "for a controller"),
    "for a worker": (
        "k0s: {enabled: true, args: ['--token-file=/etc/k0s/token']}\n" + written(join_token()),
        "is to be a controller",
    ),
    "cut off": (WORKER + written(join_token()[:-5]), "cut short"),
    "a blank too many": (WORKER + written(f" {join_token()}"), "blanks"),
    "unpacked by yip": (WORKER + written(join_token(), more=", encoding: gz+base64"), "a kubeconfig, not packed"),
    "an encoding that is not": (WORKER + written("***", more=", encoding: b64"), "empty"),
    "of a path of one's own": (
        "k0s-worker: {enabled: true, args: ['--token-file /oem/join']}\n" + written("x y", path="/oem/join"),
        "/oem/join is no join token",
    ),
    "that all may read": (
        "k0s-worker: {enabled: true, args: ['--token-file /oem/join']}\n"
        + written(join_token(), path="/oem/join", mode="0644"),
        "can be read by every account",
    ),
    "in a step": (
        "stages: {initramfs: [{files: [{path: /etc/k0s/token, permissions: 0600, content: hello}]}]}\n",
        "/etc/k0s/token is no join token",
    ),
}


@pytest.mark.parametrize(("body", "said"), WRONG.values(), ids=WRONG)
def test_a_token_that_k0s_would_not_take_is_found(tmp_path: Path, body: str, said: str) -> None:
    [one] = found(tmp_path, body)
    assert said in one.text
    assert one.line > 0
    assert SECRET not in one.text + one.hint


@pytest.mark.parametrize("content", ["", "\n", "{{ .Values.token }}"])
def test_a_place_that_somebody_else_fills_is_no_error(tmp_path: Path, content: str) -> None:
    assert found(tmp_path, WORKER + written(content)) == []


def test_other_files_are_not_tokens(tmp_path: Path) -> None:
    assert found(tmp_path, WORKER + written("hello", path="/etc/k0s/k0s.yaml")) == []


def together(tmp_path: Path, body: str) -> list[tuple[str, Severity]]:
    path = tmp_path / "node.yaml"
    path.write_text(f"#cloud-config\n{ADMIN}{body}")
    return [(each.rule, each.severity) for each in lint_together([path]) if each.rule != "locked-out"]


def test_one_node_has_one_role(tmp_path: Path) -> None:
    assert together(tmp_path, WORKER + "k0s: {enabled: true}\n") == [("both-roles", Severity.WARNING)]
    assert together(tmp_path, WORKER + "k0s: {enabled: false}\n") == []


def test_what_no_unit_reads_is_an_error(tmp_path: Path) -> None:
    body = "k0s-worker: {{enabled: {on}, args: [--token-file, /etc/k0s/token], env: {{HTTPS_PROXY: x}}}}\n"
    assert together(tmp_path, body.format(on="true")) == [("unread-env", Severity.ERROR)]
    assert together(tmp_path, body.format(on="false")) == []


@pytest.mark.parametrize(
    ("args", "path"),
    [
        (["--token-file", "/a"], "/a"),
        (["--token-file /a"], "/a"),
        (["--token-file=/a", "--labels=x=y"], "/a"),
        (["--labels=a=b --token-file '/with blank'"], "/with blank"),
        (["--token-file"], ""),
        (["--token-files=/a"], ""),
        (["'unclosed --token-file=/a"], "/a"),
        ([], ""),
        ("--token-file /a", ""),
        (None, ""),
    ],
)
def test_the_path_is_read_out_of_the_joined_arguments(args: object, path: str) -> None:
    assert token_file({"args": args}) == path


def test_no_section_has_no_arguments() -> None:
    assert arguments(None) == arguments("x") == []
