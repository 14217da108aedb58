"""K9: templates that a node of real Kairos leaves as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from imagekit.cli import cli
from imagekit.config.templates import unfilled_templates
from imagekit.config.yamlfile import read_yaml
from tests.support.project import make_project

GOOD = """\
#cloud-config
hostname: node-{{ trunc 4 .MachineID }}-{{ .Random }}
stages:
  boot:
    - hostname: "{{ .UUID }}"
    - if: '[ "{{ .Values.os.name }}" = debian ]'
      commands: ["echo {{ .Values.node.machineid }}", "jq .MachineID file", "echo {{ .Values.MachineID }}"]
"""


def warnings(folder: Path, text: str) -> list[str]:
    """What is said of a cloud-config."""
    path = folder / "node.yaml"
    path.write_text(text)
    return [line.removeprefix(f"{path}:") for line in unfilled_templates(read_yaml(path))]


def test_what_each_place_knows_is_no_reason_to_warn(tmp_path: Path) -> None:
    assert warnings(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("step", "key", "name"),
    [
        ("commands: ['echo {{ trunc 4 .MachineID }}']", "commands.0", ".MachineID"),
        ("if: '[ {{.Random}} = x ]'", "if", ".Random"),
        ("files: [{path: /etc/x, content: 'a\\n{{ .UUID | upper }}\\n'}]", "files.0.content", ".UUID"),
        ("environment: {ID: '{{ (.ProtectedID) }}'}", "environment.ID", ".ProtectedID"),
    ],
)
def test_the_identity_is_known_in_a_host_name_alone(tmp_path: Path, step: str, key: str, name: str) -> None:
    [line] = warnings(tmp_path, f"#cloud-config\nstages:\n  boot:\n    - {step}\n")
    assert line.startswith(f"4: stages.boot.0.{key}: ")
    assert f"{name} is known in `hostname` alone" in line


def test_a_host_name_knows_no_values(tmp_path: Path) -> None:
    [line] = warnings(tmp_path, "#cloud-config\nhostname: '{{ .Values.node.hostname }}'\n")
    assert line.startswith("2: hostname: {{ .Values.node.hostname }} stays as it is")


def test_config_check_warns_of_images_and_layers(tmp_path: Path) -> None:
    root = make_project(tmp_path / "project")
    folder = root / "images/base/files/system/oem"
    folder.mkdir(parents=True)
    (folder / "40_x.yaml").write_text("stages: {boot: [{commands: ['{{ .MachineID }}']}]}\n")
    done = CliRunner().invoke(cli, ["--project", str(root), "config", "check"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "40_x.yaml:1: stages.boot.0.commands.0: {{ .MachineID }} stays as it is" in done.stderr
