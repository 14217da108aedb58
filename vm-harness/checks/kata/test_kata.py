"""Kata: its programs are this image's own, containerd has its runtime class, and the node says whether it can."""

from __future__ import annotations

import tomllib

import pytest
from testinfra.host import Host

from imagekit.checks import declared
from imagekit.checks.facts import Facts

pytestmark = pytest.mark.runbook("kata")
SHIM = "runtime-rs/bin/containerd-shim-kata-v2"
DROP_IN = "/etc/k0s/containerd.d/kata.toml"
READY = "/usr/lib/imagekit/kata-ready"
# By the form of the configuration that the containerd of this k0s reads.
PLUGINS = {2: "io.containerd.grpc.v1.cri", 3: "io.containerd.cri.v1.runtime"}


@pytest.mark.container
def test_the_shim_is_the_declared_version(host: Host) -> None:
    """The shim runs, and is of the version that the layer pins."""
    done = host.run("/usr/lib/kata/%s --version 2>&1", SHIM)
    assert declared.layer("kata").args["KATA_VERSION"] in done.stdout, done.stdout.strip()


@pytest.mark.container
def test_containerd_has_the_runtime(root: Host) -> None:
    """k0s hands containerd a runtime `kata`, with the shim and its configuration."""
    read = tomllib.loads(root.run("cat %s", DROP_IN).stdout)
    runtime = read["plugins"][PLUGINS[read["version"]]]["containerd"]["runtimes"]["kata"]
    assert runtime["runtime_type"] == "io.containerd.kata.v2"
    assert runtime["runtime_path"] == f"/opt/kata/{SHIM}"
    assert runtime["privileged_without_host_devices"] is True
    config = runtime["options"]["ConfigPath"].replace("/opt/kata", "/usr/lib/kata")
    assert host_has(root, config), f"{config} is not there"


@pytest.mark.container
def test_the_form_is_that_of_this_containerd(root: Host) -> None:
    """The configuration is of the form that the containerd of this k0s reads: 1.7 up to k0s 1.35, 2 from 1.36 on."""
    minor = int(root.run("k0s version").stdout.split(".")[1])
    assert tomllib.loads(root.run("cat %s", DROP_IN).stdout)["version"] == (2 if minor <= 35 else 3)


@pytest.mark.container
def test_the_configurations_paths_are_there(host: Host) -> None:
    """What Kata's configuration names below /opt/kata is in the image: hypervisor, kernel and image of a pod."""
    listing = f"grep -ohE '^(path|kernel|image) = \"/opt/kata/[^\"]+' {configuration()} | cut -d '\"' -f 2"
    named = host.run(listing).stdout.split()
    lacking = [path for path in named if not host_has(host, path.replace("/opt/kata", "/usr/lib/kata"))]
    assert named
    assert lacking == [], f"not in the image: {', '.join(lacking)}"


def test_the_programs_are_this_images(host: Host, facts: Facts) -> None:
    """/opt/kata is this image's own, read-only: /opt itself is persistent, and would keep what an earlier image had."""
    assert "ro" in facts.mounts["/opt/kata"].options
    same = host.run("[ /opt/kata/%s -ef /usr/lib/kata/%s ]", SHIM, SHIM)
    assert same.rc == 0


def test_the_node_says_whether_it_can(host: Host) -> None:
    """kata-ready says that the node can run Kata's pods, or names what is missing; it names what is really missing."""
    done = host.run("%s", READY)
    capable = host.run("grep -qwE 'vmx|svm' /proc/cpuinfo || [ $(uname -m) != x86_64 ]").rc == 0
    device = host.file("/dev/kvm").exists
    assert (done.rc == 0) == (capable and device), done.stdout.strip()
    assert ("nested virtualization" in done.stdout) == (not capable)
    assert "vhost" not in done.stdout, done.stdout.strip()
    assert "opt-kata.mount" not in done.stdout, done.stdout.strip()


def configuration() -> str:
    """Where the configuration of the runtime class lies in the image."""
    return "/usr/lib/kata/share/defaults/kata-containers/runtime-rs/configuration-qemu-runtime-rs.toml"


def host_has(host: Host, path: str) -> bool:
    """Whether a file is there."""
    return bool(host.run("test -e %s", path).rc == 0)
