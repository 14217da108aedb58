"""k0s: there, ready and silent until a cloud-config says what it is to be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from testinfra.host import Host

from imagekit.checks import declared
from imagekit.checks.facts import Facts
from imagekit.config.jointoken import Role
from imagekit.config.tokenlint import token_file

pytestmark = pytest.mark.runbook("k0s")
UNITS = ("k0scontroller.service", "k0sworker.service")


def waits(unit: str) -> bool:
    """Whether a unit is to wait: the node's cloud-config does not give it this role."""
    role = declared.k0s_role()
    return role is None or unit != f"k0s{role}.service"


@pytest.fixture(scope="session")
def version(host: Host) -> str:
    """What k0s calls its version."""
    done = host.run("k0s version")
    assert done.rc == 0, done.stderr
    return str(done.stdout.strip())


@pytest.mark.container
def test_declared_packages_are_installed(host: Host) -> None:
    """Every package that the layer declares is installed."""
    assert [name for name in declared.packages("k0s") if not host.package(name).is_installed] == []


@pytest.mark.container
def test_k0s_is_a_program(host: Host) -> None:
    """/usr/bin/k0s belongs to root and everybody may run it, nobody change it."""
    binary = host.file("/usr/bin/k0s")
    assert (binary.user, binary.mode & 0o7777, binary.size > 0) == ("root", 0o755, True)


@pytest.mark.container
def test_k0s_gives_its_version(version: str) -> None:
    """k0s runs and names a version of Kubernetes with its own suffix."""
    assert re.fullmatch(r"v\d+\.\d+\.\d+\+k0s\.\d+", version)


@pytest.mark.container
def test_k0s_is_the_declared_version(version: str) -> None:
    """The version is the one that the layer pins."""
    assert version == declared.layer("k0s").args["K0S_VERSION"]


@pytest.mark.container
def test_release_names_the_provider(version: str, facts: Facts) -> None:
    """/etc/kairos-release names k0s and its version."""
    assert facts.kairos_release["KAIROS_SOFTWARE_VERSION_PREFIX"] == "k0s"
    assert facts.kairos_release["KAIROS_SOFTWARE_VERSION"] == version


@pytest.mark.container
def test_the_image_is_a_standard_one(facts: Facts) -> None:
    """An image with a provider is of variant standard."""
    assert facts.kairos_release["KAIROS_VARIANT"] == "standard"


@pytest.mark.parametrize(("unit", "verb"), [(UNITS[0], "controller"), (UNITS[1], "worker")])
def test_unit_runs_k0s(host: Host, unit: str, verb: str) -> None:
    """The unit starts k0s in its role."""
    shown = host.run("systemctl show -p LoadState -p ExecStart %s", unit).stdout
    assert "LoadState=loaded" in shown
    assert re.search(rf"argv\[\]=/usr/bin/k0s {verb}\b", shown)


@pytest.mark.parametrize("unit", UNITS)
def test_unit_is_not_enabled(facts: Facts, unit: str) -> None:
    """The unit is there and not enabled, but for the role that the cloud-config gives the node."""
    assert facts.unit_files[unit] == ("disabled" if waits(unit) else "enabled")


@pytest.mark.parametrize("unit", UNITS)
def test_unit_does_not_run(host: Host, unit: str) -> None:
    """The unit does not run, but for the role that the cloud-config gives the node."""
    assert host.run("systemctl is-active %s", unit).stdout.strip() == ("inactive" if waits(unit) else "active")


@pytest.mark.container
def test_tokens_are_secret(host: Host) -> None:
    """Only root sees into /etc/k0s, where join tokens lie; on a worker k0s lets all in, and the token stays root's."""
    folder = host.file("/etc/k0s")
    # k0s makes the folder of containerd's configuration 0755 at each start; test_join.py asks for the token's own mode.
    opened = 0o055 if declared.k0s_role() is Role.WORKER else 0
    assert (folder.is_directory, folder.user, folder.mode & 0o077 & ~opened) == (True, "root", 0)


def test_no_token_in_the_image(facts: Facts) -> None:
    """The image holds neither a join token nor a cluster's configuration; a node has what its cloud-config brings."""
    # Of its cloud-config, and of layers above, such as a runtime's drop-in for containerd.
    brought = set(declared.written())
    brought |= {path for name in declared.layers() for path in declared.layer(name).present.files}
    if (role := declared.k0s_role()) is not None:
        # The token may come in another way, and k0s writes the file of containerd itself.
        brought |= {token_file(declared.k0s_section(role)), "/etc/k0s/k0s.yaml", "/etc/k0s/containerd.toml"}
    found = [path for path, file in facts.files.items() if path.startswith("/etc/k0s/") and file.kind != "d"]
    assert [path for path in found if path not in brought] == []


@pytest.mark.parametrize("path", declared.sysctl_files("k0s"), ids=lambda path: path.name)
def test_kubelet_settings(facts: Facts, path: Path) -> None:
    """Every kernel setting that a kubelet with protectKernelDefaults insists on is in force."""
    wanted = declared.sysctl_settings(path)
    assert wanted
    assert {key: facts.sysctl.get(key) for key in wanted} == wanted


def test_kubelet_can_limit(host: Host) -> None:
    """The controllers that pods are limited with are there: cpu, cpuset, io, memory, pids."""
    offered = set(host.run("cat /sys/fs/cgroup/cgroup.controllers").stdout.split())
    assert offered >= {"cpu", "cpuset", "io", "memory", "pids"}


@pytest.mark.parametrize("program", ["conntrack", "ethtool", "mount", "modprobe", "ip"])
@pytest.mark.container
def test_program_of_the_kubelet(host: Host, program: str) -> None:
    """A program that the kubelet or kube-proxy calls is there."""
    assert host.run("PATH=$PATH:/usr/sbin:/sbin command -v %s", program).rc == 0


def test_ports_are_free(facts: Facts) -> None:
    """The ports of the API server, etcd, the kubelet and konnectivity are free, where k0s does not hold them itself."""
    wanted = {6443, 2379, 2380, 10250, 8132, 9443} if declared.k0s_role() is None else set()
    assert {entry.port for entry in facts.listeners} & wanted == set()


def test_the_kernel_limits_are_wide(host: Host) -> None:
    """The kernel takes more processes and open files than a full node has."""
    assert host.sysctl("kernel.pid_max") >= 65536
    assert host.sysctl("fs.file-max") >= 500_000
