"""Errors at the edge: message, hint and exit code; nothing half-told."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from imagekit.base.process import Completed, run
from imagekit.cli import cli
from imagekit.cli.app import App
from tests.support.program import program
from tests.support.project import make_project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path)


def imagekit(project: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Completed:
    return program("--project", project, *arguments, env=env)


def started(project: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Completed:
    """As `imagekit`, by an interpreter of its own."""
    code = "import sys; sys.argv[0] = 'imagekit'; from imagekit.cli import main; main()"
    return run([sys.executable, "-c", code, "--project", project, *arguments], timeout=60, env=env, ok=range(256))


@pytest.mark.parametrize("imagekit", [imagekit, started], ids=["forked", "started"])
def test_done_is_0_with_the_result_on_stdout_and_nothing_else(
    project: Path, imagekit: Callable[..., Completed]
) -> None:
    done = imagekit(project, "plan")
    assert done.returncode == 0
    assert done.stdout.startswith("small-node v2026.1122.0-g")
    assert done.stderr == ""


def test_bad_configuration_is_2_and_names_the_line(project: Path) -> None:
    path = project / "images/images.yaml"
    path.write_text(path.read_text().replace("family: debian", "family: debain"))
    done = imagekit(project, "plan")
    assert done.returncode == 2
    assert "images.yaml:4: images.small-node.family" in done.stderr
    assert "Did you mean 'debian'?" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("host", ["r.example:99999", "[::1", "127.1:5000", "r.example:\u00b2"])
def test_what_is_no_registry_is_2_and_no_traceback(project: Path, host: str) -> None:
    """D20, on the command line."""
    done = imagekit(project, "verify", f"{host}/node:v1")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "not a " in done.stderr


def test_an_unknown_command_is_2_and_gets_a_suggestion(project: Path) -> None:
    done = imagekit(project, "plam")
    assert done.returncode == 2
    assert "Did you mean 'plan'?" in done.stderr


def test_publishing_what_was_not_tested_is_1(project: Path) -> None:
    done = imagekit(project, "publish")
    assert done.returncode == 1
    assert "has not passed its tests" in done.stderr
    assert "imagekit run small-node" in done.stderr


def test_a_report_that_is_not_there_is_2(project: Path) -> None:
    done = imagekit(project, "report")
    assert done.returncode == 2
    assert "no run has been recorded" in done.stderr


def test_a_bad_reference_is_2(project: Path) -> None:
    done = imagekit(project, "verify", "no-registry-in-this")
    assert done.returncode == 2
    assert "no image named 'no-registry-in-this'" in done.stderr
    done = imagekit(project, "verify", "host/Upper-Case")
    assert done.returncode == 2
    assert "not a valid image reference" in done.stderr


def test_a_reader_that_goes_away_is_no_error(project: Path) -> None:
    done = run(
        ["sh", "-c", f"{_quoted()} --project '{project}' plan --json | head -c 10; exit 0"], timeout=60, ok=range(256)
    )
    assert "Traceback" not in done.stderr


def _quoted() -> str:
    import shlex
    import sys

    return shlex.join([sys.executable, "-c", "from imagekit.cli import main; main()"])


def test_help_lists_every_command() -> None:
    result = CliRunner().invoke(cli, ["--help"])
    assert result.exit_code == 0
    for name in ("run", "plan", "verify", "clean"):
        assert f"\n  {name} " in result.output


def test_the_console_is_shown_whole_and_without_control_sequences(project: Path) -> None:
    log = project / ".imagekit/runs/20260101-000000-aaaa/direct/console.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"\x1b[31mline\x1b[0m of the console\r\n" * 3000)
    done = imagekit(project, "console")
    assert done.returncode == 0
    assert done.stdout.splitlines() == ["line of the console"] * 3000


def test_a_work_folder_of_another_user_is_no_mistake_of_ours(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    """Seen as an ordinary user after a run by sudo in the same checkout: a traceback."""
    import sys

    from imagekit.cli import edge

    folder = project / ".imagekit" / "runs"

    def refuse(self: App) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(App, "project", property(refuse))
    monkeypatch.setattr(sys, "argv", ["imagekit", "--project", str(project), "plan"])
    said: list[tuple[str, str]] = []
    monkeypatch.setattr(edge, "tell_error", lambda error: said.append((str(error), error.hint)))
    assert edge.run_cli(cli) == 3
    assert said[0][0] == f"{folder} belongs to another user"
    assert "chown" in said[0][1]


def test_a_file_elsewhere_that_may_not_be_read_is_not_explained_so() -> None:
    from imagekit.cli.edge import _of_another_user

    assert _of_another_user(PermissionError(13, "Permission denied", "/etc/shadow")) is None
    assert _of_another_user(FileNotFoundError(2, "none", "/p/.imagekit/x")) is None


def test_an_entry_that_trusts_any_branch_is_a_warning(project: Path) -> None:
    where = "https://github.com/bank/nodes"
    entry = (
        "version: 1\nkeys:\n  - id: workflow\n    purposes: [build]\n    keyless:\n"
        "      issuer: https://token.actions.githubusercontent.com\n"
        f"      identity: {where}/.github/workflows/publish.yml@refs/heads/main\n      source_repository: {where}\n"
    )
    (project / "trust.yaml").write_text(entry)
    done = imagekit(project, "config", "check")
    assert (done.returncode, f"key workflow: a run of any branch of {where} can sign" in done.stderr) == (0, True)
    (project / "trust.yaml").write_text(entry + "      source_ref: refs/heads/main\n")
    done = imagekit(project, "config", "check")
    assert (done.returncode, done.stderr) == (0, "")


def test_streams_that_a_daemon_closed_are_no_failure(project: Path) -> None:
    """cron and units: `2>&-`; a file that is opened next would get the number of the screen."""
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        done = run(["sh", "-c", f'exec "$0" -c "$1" --project "$2" plan {closed}', *_program(), project], timeout=60)
        assert done.stdout.startswith("small-node v") is (">&-" not in closed.replace("2>&-", ""))


def test_a_screen_with_few_characters_shows_others_as_a_question_mark(project: Path) -> None:
    python, code = _program()
    done = run([python, "-c", code, "--project", project, "plan"], timeout=60, env={"PYTHONIOENCODING": "latin-1"})
    assert done.stderr == ""
    assert "?? stamp" in done.stdout


def test_an_output_that_finds_no_space_is_not_the_projects_disk(project: Path) -> None:
    done = run(
        ["sh", "-c", 'exec "$0" -c "$1" --project "$2" plan >/dev/full', *_program(), project],
        timeout=60,
        ok=range(256),
    )
    assert done.returncode == 3
    assert "what this command writes finds no space" in done.stderr
    assert str(project) not in done.stderr


def test_a_file_that_the_system_does_not_give_is_named(project: Path) -> None:
    path = project / "images/images.yaml"
    path.unlink()
    path.mkdir()
    done = imagekit(project, "plan")
    assert done.returncode == 3
    assert f"error: {path}: Is a directory" in done.stderr
    path.rmdir()
    path.symlink_to(path)
    assert f"{path}: Too many levels of symbolic links" in imagekit(project, "plan").stderr


def _program() -> tuple[str, str]:
    import sys

    return sys.executable, "import sys; sys.argv[0] = 'imagekit'; from imagekit.cli import main; main()"
