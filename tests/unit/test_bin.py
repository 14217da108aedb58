"""The functions of bin/lib, with small programs in the part of apt and dpkg."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.base.process import Completed, run
from imagekit.doctor.distribution import Distribution, packages

ROOT = Path(__file__).parents[2]
TARGETS = """\
http://mirror.example/debian/ bookworm main DEP-11
http://mirror.example/debian/ bookworm main Packages
http://other.example/debian/ bookworm main Packages
http://mirror.example/debian-security/ bookworm-security main Packages
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder before all others on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def install(folder: Path, name: str, script: str) -> None:
    """A program made of shell."""
    (folder / name).write_text(f"#!/bin/bash\n{script}\n")
    (folder / name).chmod(0o755)


def bash(script: str, programs: Path, root: Path = ROOT, ok: tuple[int, ...] = (0,)) -> Completed:
    """Run functions of bin/lib as bin/setup does."""
    sources = "".join(f". {path}\n" for path in sorted((ROOT / "bin" / "lib").glob("*.sh")))
    return run(
        ["bash", "-c", f"set -euo pipefail\nroot={root}\n{sources}{script}"],
        timeout=30,
        env={"PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin"},
        ok=ok,
    )


def test_the_mirror_is_the_one_apt_uses(programs: Path) -> None:
    install(programs, "apt-get", f"cat <<'END'\n{TARGETS}END")
    assert bash("debian_mirror", programs).stdout.split() == ["http://mirror.example/debian"]


def test_a_machine_without_lists_has_no_mirror_yet(programs: Path) -> None:
    install(programs, "apt-get", "true")
    assert bash("debian_mirror", programs).stdout.strip() == ""


def test_only_what_is_missing_or_too_old_is_named(programs: Path) -> None:
    install(programs, "dockerd", "exit 1")
    install(
        programs,
        "dpkg-query",
        'case "${@: -1}" in\n'
        "qemu-system-x86) echo 'installed 1:7.2+dfsg-7+deb12u16' ;;\n"
        "xorriso) echo 'config-files 1.5.4-4' ;;\n"
        "mmdebstrap) exit 1 ;;\n"
        "*) echo 'installed 99:1' ;;\nesac",
    )
    named = [line.split()[:3] for line in bash("missing_packages debian-12", programs).stdout.splitlines()]
    assert named == [
        ["qemu-system-x86", "backports", "1:7.2+dfsg-7+deb12u16"],
        ["mmdebstrap", "backports", "none"],
        ["xorriso", "main", "none"],
    ]


def test_a_docker_from_elsewhere_is_not_replaced(programs: Path) -> None:
    install(programs, "dockerd", "echo 'Docker version 28.0.4, build b8034c0'")
    install(programs, "docker", "true")
    install(programs, "dpkg-query", "exit 1")
    assert "docker.io" not in bash("missing_packages ubuntu-24.04", programs).stdout
    install(programs, "dockerd", "echo 'Docker version 24.0.7, build 24.0.7-0ubuntu4'")
    assert "docker.io" in bash("missing_packages ubuntu-24.04", programs).stdout


def test_another_distribution_is_told_what_to_do(programs: Path) -> None:
    done = bash("ID=arch; distribution() { die 'this is arch' 'Install by hand.'; }; distribution", programs, ok=(3,))
    assert done.stderr.splitlines() == ["error: this is arch", "  Install by hand."]


def test_a_failing_step_shows_the_end_of_its_log(programs: Path, tmp_path: Path) -> None:
    log = tmp_path / "step.log"
    done = bash(f"narrate 'a step' {log} bash -c 'echo no space left; exit 7'", programs, ok=(3,))
    assert "no space left" in done.stderr
    assert "a step: exit status 7" in done.stderr
    assert str(log) in done.stderr


def test_a_stamp_stands_until_an_input_changes(programs: Path, tmp_path: Path) -> None:
    for name in ("requirements.lock", "bin/setup", "bin/lib/x.sh", "imagekit/doctor/packages.txt", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / ".venv").mkdir()
    bash("is_set_up run", programs, tmp_path, ok=(1,))
    bash("stamp >$root/.venv/.imagekit-dev; is_set_up run; is_set_up dev", programs, tmp_path)
    (tmp_path / "requirements.lock").write_text("changed")
    bash("is_set_up run", programs, tmp_path, ok=(1,))


def test_setup_knows_only_its_two_kinds() -> None:
    done = run([ROOT / "bin" / "setup", "everything"], timeout=30, ok=(2,))
    assert "usage: bin/setup [run|dev]" in done.stderr


def test_locks_name_no_index_and_hash_everything() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text()
        assert "://" not in text
        pins = [line for line in text.splitlines() if "==" in line]
        assert pins
        assert all(line.endswith("\\") for line in pins)


@pytest.mark.parametrize(
    ("system", "version", "column"),
    [("debian", "13", "debian-13"), ("ubuntu", "24.04", "ubuntu-24.04"), ("ubuntu", "26.04", "ubuntu-26.04")],
)
def test_the_hosts_of_the_table_are_known(
    tmp_path: Path, programs: Path, system: str, version: str, column: str
) -> None:
    (tmp_path / "os-release").write_text(f'ID={system}\nVERSION_ID="{version}"\n')
    assert bash(f"os_release={tmp_path}/os-release; distribution", programs).stdout.strip() == column


@pytest.mark.parametrize("system", ["rhel", "rocky", "fedora", "arch"])
def test_another_host_is_told_its_way(tmp_path: Path, programs: Path, system: str) -> None:
    """W9: what a bank's people have is no dead end."""
    (tmp_path / "os-release").write_text(f"ID={system}\nVERSION_ID=9.5\n")
    done = bash(f"os_release={tmp_path}/os-release; distribution", programs, ok=(3,))
    assert f"this is {system}-9.5" in done.stdout + done.stderr
    assert "OCI image, by podman or docker: docs/hosts.md" in done.stdout + done.stderr


def test_each_row_of_the_table_reaches_its_column(programs: Path) -> None:
    """bin/setup and `imagekit doctor` read the same table: here all of a column, as nothing is installed."""
    install(programs, "dpkg-query", "exit 1")
    install(programs, "dockerd", "exit 1")
    for column in ("debian-12", "debian-13", "ubuntu-24.04", "ubuntu-26.04"):
        lines = bash(f"missing_packages {column}", programs).stdout.splitlines()
        wanted = [(each.name, each.where) for each in packages(Distribution(name=column))]
        assert [tuple(line.split()[:2]) for line in lines] == wanted


def test_a_folder_that_no_path_can_name_is_refused(tmp_path: Path) -> None:
    """W5: Python refuses to make an environment below a folder with a colon; said before anything is installed."""
    root = tmp_path / "a:b"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "lib").symlink_to(ROOT / "bin" / "lib")
    (root / "bin" / "setup").write_text((ROOT / "bin" / "setup").read_text())
    done = run(["bash", root / "bin/setup"], timeout=30, ok=(3,))
    assert "cannot hold the Python environment" in done.stdout + done.stderr
    assert not (root / ".imagekit").exists()


@pytest.mark.parametrize(
    ("arguments", "waits"),
    [
        ("--help", False),
        ("test --help", False),
        ("-h", False),
        ("--version", False),
        ("run debian-node", True),
        ("", True),
        ("shell -- --help", True),
    ],
)
def test_help_waits_for_no_setup(programs: Path, tmp_path: Path, arguments: str, waits: bool) -> None:
    """Another process may be setting up what has changed for minutes; help is there once there was an environment."""
    for name in ("bin/lib", ".venv/bin"):
        (tmp_path / name).mkdir(parents=True)
    install(tmp_path / "bin", "setup", "echo sets up")
    (tmp_path / "bin/imagekit").write_text((ROOT / "bin/imagekit").read_text())
    (tmp_path / "bin/lib/stamp.sh").write_text("is_set_up() { return 1; }\n")
    install(tmp_path / ".venv/bin", "python", "true")
    done = bash(f"bash {tmp_path}/bin/imagekit {arguments}", programs)
    assert ("sets up" in done.stdout) is waits
