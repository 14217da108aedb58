"""What a node must not have, and who may do what on it."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from imagekit.checks import declared
from imagekit.checks.facts import Facts

pytestmark = pytest.mark.runbook("hygiene")


@pytest.mark.container
def test_declared_packages_are_installed(host: Host) -> None:
    """Every package that the layer declares is installed."""
    missing = [name for name in declared.packages("base") if not host.package(name).is_installed]
    assert missing == [], f"not installed: {', '.join(missing)}"


def test_no_cloud_init(host: Host, facts: Facts) -> None:
    """There is no cloud-init: the framework reads the cloud-config, and two readers fight over one file."""
    assert not host.package("cloud-init").is_installed
    assert [name for name in facts.loaded if name.startswith("cloud-")] == []


def test_nothing_updates_itself(host: Host, facts: Facts) -> None:
    """No timer installs or fetches packages: nodes change by image only."""
    timers = ("apt-daily.timer", "apt-daily-upgrade.timer", "dnf-automatic.timer", "dnf-makecache.timer")
    assert [name for name in timers if facts.unit_files.get(name) == "enabled"] == []
    assert not host.package("unattended-upgrades").is_installed


@pytest.mark.container
def test_no_compiler(host: Host) -> None:
    """There is no compiler on the node."""
    assert host.run("command -v gcc cc clang go make").stdout.strip() == ""


@pytest.mark.container
def test_no_empty_password(facts: Facts) -> None:
    """No account has an empty password."""
    assert [name for name, state in facts.passwords.items() if state == "empty"] == []


@pytest.mark.container
def test_one_root(facts: Facts) -> None:
    """Root alone has user id 0."""
    assert [name for name, fields in facts.users.items() if fields[2] == "0"] == ["root"]


@pytest.mark.container
def test_shadow_is_secret(host: Host) -> None:
    """/etc/shadow is not for everybody."""
    shadow = host.file("/etc/shadow")
    assert (shadow.user, shadow.mode & 0o027) == ("root", 0)


@pytest.mark.container
def test_no_file_of_the_system_is_open_to_writing(facts: Facts) -> None:
    """No file below /etc, /usr/bin or /usr/sbin can be written by everybody."""
    loose = [path for path, file in facts.files.items() if file.kind in "fd" and file.mode & 0o002]
    assert [path for path in loose if path.startswith(("/etc/", "/usr/"))] == []


def test_an_administrator_may_become_root(host: Host) -> None:
    """An account of group admin, as the harness's own is, becomes root without a password."""
    assert "admin" in host.run("id -nG").stdout.split()
    assert host.run("sudo -n id -u").stdout.strip() == "0"


@pytest.mark.container
def test_sudo_rules_are_well_formed(root: Host) -> None:
    """sudo's rules are free of errors and not open to writing."""
    # Named, or visudo wants the mode 0440 as well, and Kairos 4.2 writes the file anew at each boot with 0644:
    # its 10_accounting.yaml says `permsisions`. sudo itself asks what is asked here.
    done = root.run("visudo -c -q -f /etc/sudoers")
    assert done.rc == 0, done.stdout + done.stderr
    loose = root.run("find /etc/sudoers /etc/sudoers.d ! -user root -o -perm /0022 ! -type l")
    assert (loose.rc, loose.stdout.strip()) == (0, ""), loose.stdout + loose.stderr


@pytest.mark.container
def test_what_runs_as_root_is_not_left_to_others(host: Host) -> None:
    """No program with the set-user-id bit can be written by its group or by everybody."""
    done = host.run("find /usr/bin /usr/sbin /usr/lib /usr/libexec -xdev -perm /6000 -perm /0022 -type f")
    assert done.stdout.strip() == ""
