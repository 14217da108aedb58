"""imagekit gate and verify as a program: exit codes, forms, and what is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from imagekit.base.process import Completed
from imagekit.config.load import load_project
from tests.support.images import write_image
from tests.support.project import make_project
from tests.support.registry import RegistrySimulator, simulated_registry
from tests.support.released import release
from tests.unit.cli.test_exit_codes import imagekit


@dataclass(frozen=True, slots=True)
class Released:
    """A project, and a digest in a registry with all that its builder signs."""

    project: Path
    world: RegistrySimulator
    reference: str

    def run(self, *arguments: str) -> Completed:
        return imagekit(self.project, *arguments)


@pytest.fixture
def released(tmp_path: Path) -> Iterator[Released]:
    root = make_project(tmp_path / "project")
    project = load_project(root)
    project.work.mkdir()
    image = write_image(tmp_path / "oci")
    with simulated_registry() as world, world.client() as client:
        yield Released(root, world, str(release(project, image, client)))


def test_open_gate_is_0_and_tells_each_requirement(released: Released) -> None:
    done = released.run("gate", released.reference, "--channel", "dev")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "satisfied    tests" in done.stdout
    assert "may enter dev: sha256:" in done.stdout
    publish = released.run("gate", released.reference, "--channel", "publish", "--format", "json")
    assert json.loads(publish.stdout)["passed"] is True


def test_closed_gate_is_1_in_every_form(released: Released) -> None:
    text = released.run("gate", released.reference, "--channel", "prod")
    assert text.returncode == 1
    assert "unsatisfied  framework" in text.stdout
    assert "stands on the stand-in" in text.stdout
    assert "may NOT enter prod" in text.stdout
    data = json.loads(released.run("gate", released.reference, "--channel", "prod", "--format", "json").stdout)
    assert data["passed"] is False
    assert {item["status"] for item in data["requirements"]} == {"satisfied", "unsatisfied"}
    table = released.run("gate", released.reference, "--channel", "prod", "--format", "markdown").stdout
    assert "### Gate of `prod`: closed" in table
    assert "| ❌ unsatisfied | approvals | 0 of 2 persons approved |" in table


def test_absent_digest_is_1(released: Released) -> None:
    absent = released.reference.partition("@")[0] + "@sha256:" + "0" * 64
    done = released.run("gate", absent, "--channel", "dev")
    assert done.returncode == 1
    assert "unsatisfied  evidence" in done.stdout
    assert "has no manifest" in done.stdout


def test_wrong_question_is_2(released: Released) -> None:
    done = released.run("gate", released.reference, "--channel", "produciton")
    assert (done.returncode, done.stdout) == (2, "")
    assert "knows no channel 'produciton'" in done.stderr
    (released.project / "policy.yaml").write_text("version: 1\nchannels:\n  dev: {tests: {max_aeg: 3d}}\n")
    done = released.run("gate", released.reference, "--channel", "dev")
    assert (done.returncode, done.stdout) == (2, "")
    assert "policy.yaml:3: channels.dev.tests.max_aeg: unknown key" in done.stderr
    assert "Did you mean 'max_age'?" in done.stderr


def test_no_answer_is_3(released: Released) -> None:
    host = released.reference.partition("/")[0]
    gone = released.reference.replace(host, "127.0.0.1:1")
    done = released.run("gate", gone, "--channel", "dev")
    assert (done.returncode, done.stdout) == (3, "")


def test_verify_lists_all_that_it_finds(released: Released) -> None:
    done = released.run("verify", released.reference, "--evidence-only")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("found        ") == 5
    assert "https://slsa.dev/provenance/v1 by project, 20" in done.stdout
    assert "content" not in done.stdout
    data = json.loads(released.run("verify", released.reference, "--json").stdout)
    assert [item["counts"] for item in data["evidence"]] == [True] * 5


@pytest.mark.parametrize("kind", ["policy", "trust"])
def test_schemas_for_editors(released: Released, kind: str) -> None:
    done = released.run("config", "schema", kind)
    assert json.loads(done.stdout)["title"] == f"imagekit {kind} file"


def test_waiver_without_a_password_and_a_terminal_is_2(released: Released) -> None:
    public = str(released.project / ".imagekit/keys/cosign.pub")
    trusted = released.run("keys", "trust", "ada", public, "--purpose", "waive", "--person", "Ada <ada@bank.example>")
    assert trusted.returncode == 0, trusted.stderr
    words = ("waive", released.reference, "--channel", "dev", "--reason", "r", "--check")
    unknown = released.run(*words, "scenario/instal")
    assert "Did you mean" in unknown.stderr, "before a password is asked for"
    done = released.run(*words, "scenario/install")
    assert (unknown.returncode, done.returncode, done.stdout) == (2, 2, "")
    assert "no terminal to ask at" in done.stderr


@pytest.mark.parametrize(
    ("command", "may"),
    [(("waive", "--check", "live:base/test_x.py::test_x"), "waive a check"), (("approve",), "approve")],
)
def test_where_nobody_may_it_is_said_before_a_password_is_asked_for(
    released: Released, command: tuple[str, ...], may: str
) -> None:
    done = released.run(command[0], released.reference, *command[1:], "--channel", "dev", "--reason", "lab")
    assert done.returncode == 2, done.stderr
    assert f"trust.yaml names nobody who may {may}" in done.stderr
    assert f"imagekit keys create NAME --purpose {command[0]}" in done.stderr
    assert "password" not in done.stderr
