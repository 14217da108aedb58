"""Commands in one shell that stays open: each as if it had a shell of its own."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

from imagekit.base.process import alive
from imagekit.checks.openshell import OpenShell, OpenShellError, kept_open

# Stands for ssh: the options are skipped, the rest is run as the node's login shell would; sudo is taken off it.
SSH = """#!/bin/sh
echo "$$ $*" >> {log}
[ -e {log}.shell ] && export SHELL={log}.shell
while [ "$1" != node ]; do shift; done
shift
exec sh -c "$(printf '%s' "$*" | sed 's/^sudo -n -- //; s/^sudo //')"
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each start of ssh is a line with its process and its words."""
    folder, log = tmp_path / "bin", tmp_path / "log"
    folder.mkdir()
    program = folder / "ssh"
    program.write_text(SSH.format(log=log))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return log


@pytest.fixture
def root(log: Path) -> Iterator[Host]:
    host, shell = kept_open(testinfra.get_host(f"ssh://node?ssh_config={log.with_name('config')}", sudo=True))
    assert shell is not None
    yield host
    shell.close()


@pytest.fixture
def shell() -> Iterator[OpenShell]:
    shell = OpenShell(["sh"])
    yield shell
    shell.close()


def asked(shell: OpenShell, command: str) -> tuple[int, bytes, bytes]:
    answer = shell.ask(command.encode())
    assert answer is not None
    return answer.status, answer.stdout, answer.stderr


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("true", (0, b"", b"")),
        ("exit 7", (7, b"", b"")),
        ("printf 'no line end'; printf also >&2; exit 255", (255, b"no line end", b"also")),
        ("printf 'a\\nb\\n\\n'", (0, b"a\nb\n\n", b"")),
        ("printf '\\000\\377\\036'", (0, b"\x00\xff\x1e", b"")),
        ('echo "it\'s" \'"$HOME"\'', (0, b'it\'s "$HOME"\n', b"")),
        ("echo one\necho two # and no end", (0, b"one\ntwo\n", b"")),
        ("cat", (0, b"", b"")),
        ("head -c 3000000 /dev/zero", (0, bytes(3_000_000), b"")),
        ("head -c 300000 /dev/zero >&2", (0, b"", bytes(300_000))),
        ("kill -9 $$", (137, b"", b"")),
        ("echo äöü", (0, "äöü\n".encode(), b"")),
    ],
)
def test_status_and_output_are_the_command_s_own(
    shell: OpenShell, command: str, told: tuple[int, bytes, bytes]
) -> None:
    status, out, err = asked(shell, command)
    assert (status, out) == told[:2]
    assert err == told[2] or (told[0] == 137 and b"Killed" in err)
    assert asked(shell, "echo next") == (0, b"next\n", b"")


def test_a_syntax_error_ends_its_own_command_alone(shell: OpenShell) -> None:
    status, out, err = asked(shell, "if 'then")
    assert (status, out) == (2, b"")
    assert b"nterminated" in err
    assert asked(shell, "echo next") == (0, b"next\n", b"")


def test_nothing_of_a_command_is_there_for_the_next(shell: OpenShell) -> None:
    seen = 'echo "${LEFT-none}"; pwd; umask'
    first = asked(shell, seen)
    assert asked(shell, "cd /usr; umask 0; set -e; LEFT=1; export LEFT; exec 1>&2; trap 'echo x' EXIT")[0] == 0
    assert asked(shell, seen) == first


def test_what_a_process_left_behind_writes_between_commands_is_in_no_answer(shell: OpenShell, tmp_path: Path) -> None:
    go, done = tmp_path / "go", tmp_path / "done"
    left = f"(until [ -e {go} ]; do sleep 0.05; done; echo late; echo late >&2; touch {done}) &"
    assert asked(shell, left) == (0, b"", b"")
    go.touch()
    while not done.exists():
        time.sleep(0.02)
    assert asked(shell, "echo mine") == (0, b"mine\n", b"")


def test_one_shell_serves_all_commands(root: Host, log: Path) -> None:
    assert root.check_output("echo %s", "it's") == "it's"
    assert root.run("exit 3").rc == 3
    assert root.file("/etc/passwd").exists
    assert len(log.read_text().splitlines()) == 1


def test_the_account_s_commands_are_run_by_its_login_shell_as_sshd_runs_them(log: Path) -> None:
    login_shell = log.with_suffix(".shell")
    login_shell.write_text('#!/bin/sh\n[ "$1" = -c ] && exec /bin/sh -c "echo asked; $2"\n')
    login_shell.chmod(0o755)
    host, shell = kept_open(testinfra.get_host(f"ssh://node?ssh_config={log.with_name('config')}"))
    assert shell is not None
    assert host.check_output("echo %s", "it's") == "asked\nit's"
    assert host.run("exit 3").rc == 3
    assert "sudo" not in log.read_text()
    assert len(log.read_text().splitlines()) == 1
    shell.close()


def test_another_user_s_command_is_given_to_sudo(root: Host, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sudo = log.with_name("bin") / "sudo"
    sudo.write_text('#!/bin/sh\necho "sudo $*"\n')
    sudo.chmod(0o755)
    with root.sudo("nobody"):
        assert root.check_output("id -un") == "sudo -u nobody /bin/sh -c id -un"
    assert root.check_output("echo root") == "root"


def test_a_command_beside_a_running_one_gets_a_shell_of_its_own(root: Host, log: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    said: list[str] = []
    other = threading.Thread(target=lambda: said.append(root.check_output(f"echo up > {fifo}; cat {fifo}")))
    other.start()
    assert fifo.read_text() == "up\n"  # it runs
    assert root.check_output("echo beside") == "beside"
    fifo.write_text("end")
    other.join(30)
    assert said == ["end"]
    assert len(log.read_text().splitlines()) == 2


def test_a_shell_that_ends_in_a_command_is_an_error_and_the_next_gets_a_new_one(root: Host, log: Path) -> None:
    with pytest.raises(OpenShellError, match=r"the shell on the node ended during: kill -9 .PPID"):
        root.run("kill -9 $PPID")
    assert root.check_output("echo again") == "again"
    assert len(log.read_text().splitlines()) == 2


def test_sudo_s_own_words_are_in_the_error() -> None:
    shell = OpenShell(["sh", "-c", "echo 'sudo: a password is required' >&2; exit 1"])
    with pytest.raises(OpenShellError, match="ended during: id: sudo: a password is required"):
        shell.ask(b"id")
    shell.close()


def test_a_command_that_is_given_up_is_ended_and_its_words_are_nobody_s(
    shell: OpenShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.read

    def read(descriptor: int, size: int) -> bytes:
        raise TimeoutError("the check's time is over")

    first = asked(shell, "echo $PPID")[1]
    monkeypatch.setattr("imagekit.checks.openshell.os.read", read)
    with pytest.raises(TimeoutError):
        shell.ask(b"echo old; sleep 100")
    monkeypatch.setattr("imagekit.checks.openshell.os.read", real)
    assert not alive(int(first))
    assert asked(shell, "echo new") == (0, b"new\n", b"")


def test_no_shell_is_left_after_it_was_closed() -> None:
    shell = OpenShell(["sh"])
    process = int(asked(shell, "echo $PPID")[1])
    assert alive(process)
    shell.close()
    assert not alive(process)
    shell.close()


@pytest.mark.parametrize("sudo", [True, False])
def test_a_host_without_ssh_stays_as_it_is(*, sudo: bool) -> None:
    local = testinfra.get_host("local://", sudo=sudo)
    assert kept_open(local) == (local, None)
