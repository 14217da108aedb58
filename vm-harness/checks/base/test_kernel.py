"""What Kubernetes and its networks ask of the kernel."""

from __future__ import annotations

from pathlib import Path

import pytest
from testinfra.host import Host

from imagekit.checks import declared
from imagekit.checks.facts import Facts
from imagekit.checks.settings import refused

pytestmark = [pytest.mark.runbook("kernel"), pytest.mark.suite("kernel")]


@pytest.mark.parametrize("module", declared.layer("base").present.modules)
def test_module_is_there(facts: Facts, module: str) -> None:
    """The kernel module that the layer declares is loaded or built in."""
    assert module in facts.modules | facts.builtin


@pytest.fixture(scope="session")
def loadable(root: Host) -> frozenset[str]:
    """Of the drivers that the layer declares for the initrd, those that the running kernel has or would load."""
    # modprobe(8): with -n nothing is loaded, and a module that is built in is no error.
    names = " ".join(declared.drivers("base"))
    done = root.run(f"for m in {names}; do modprobe -n -q $m && echo $m; done; echo end")
    assert done.stdout.split()[-1:] == ["end"], done.stderr
    return frozenset(done.stdout.split()[:-1])


@pytest.mark.runbook("initrd-drivers")
@pytest.mark.parametrize("driver", declared.drivers("base"))
def test_driver_of_a_place_where_nodes_run(loadable: frozenset[str], driver: str) -> None:
    """The driver that the layer declares for the initrd can be loaded on the node too."""
    assert driver in loadable


KINDS = {"wireguard": "", "vxlan": "id 7 dstport 4789", "bridge": "", "veth": "", "dummy": ""}


@pytest.fixture(scope="session")
def links(root: Host) -> dict[str, str]:
    """Which kinds of links the kernel made, each in a network namespace of its own."""
    made = (f"unshare -n ip link add probe0 type {kind} {more} && echo {kind}=made" for kind, more in KINDS.items())
    return dict(line.split("=") for line in root.run(" ; ".join(made)).stdout.split())


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_of_this_kind_can_be_made(links: dict[str, str], kind: str) -> None:
    """The kernel makes a network link of this kind."""
    assert links.get(kind) == "made"


def test_overlay_works(root: Host) -> None:
    """Two folders can be laid over each other, as containers need it."""
    done = root.run(
        "unshare -m sh -c 'mount -t tmpfs t /mnt && mkdir /mnt/l /mnt/u /mnt/w /mnt/m && echo x >/mnt/l/f && "
        "mount -t overlay -o lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w o /mnt/m && cat /mnt/m/f'"
    )
    assert done.stdout.strip() == "x", done.stderr


def test_modules_can_still_be_loaded(root: Host) -> None:
    """The modules on the disk belong to the running kernel: one more loads."""
    done = root.run("modprobe dummy")
    assert done.rc == 0, done.stderr


@pytest.mark.parametrize("path", declared.sysctl_files("base"), ids=lambda path: path.name)
def test_sysctl_file_is_in_force(facts: Facts, path: Path) -> None:
    """Every setting of this sysctl.d file is what the kernel has."""
    wanted = declared.sysctl_settings(path)
    assert wanted
    found = {key: " ".join(facts.sysctl.get(key, "absent").split()) for key in wanted}
    assert found == wanted


@pytest.mark.runbook("sysctl")
def test_no_kernel_setting_was_refused(root: Host, facts: Facts) -> None:
    """The kernel took every setting of sysctl.d, whichever layer or cloud-config brings it."""
    said = root.run("journalctl -b -q --no-pager -o cat -u systemd-sysctl.service").stdout
    wrong = [f"{key} is {facts.sysctl.get(key)!r}, not {value!r}" for key, value in refused(said, facts.sysctl).items()]
    assert not wrong, "; ".join(wrong)


def test_selinux_is_off(facts: Facts, host: Host) -> None:
    """SELinux is off, as Kairos's command line asks and the image's label says."""
    assert "selinux=0" in facts.cmdline
    assert not host.file("/sys/fs/selinux/enforce").exists


def test_packets_are_forwarded(host: Host) -> None:
    """The node forwards packets of both families."""
    assert (host.sysctl("net.ipv4.ip_forward"), host.sysctl("net.ipv6.conf.all.forwarding")) == (1, 1)


def test_cgroups_are_unified(host: Host) -> None:
    """Control groups are of version 2 alone."""
    assert host.mount_point("/sys/fs/cgroup").filesystem == "cgroup2"


def test_programs_of_the_berkeley_filter_can_be_pinned(host: Host) -> None:
    """The bpf file system is mounted, as Cilium and others want it."""
    assert host.mount_point("/sys/fs/bpf").filesystem == "bpf"
