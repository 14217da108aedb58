"""What k0s documents that it needs of the kernel: https://docs.k0sproject.io/stable/external-runtime-deps/."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from imagekit.checks.facts import Facts

pytestmark = [pytest.mark.runbook("kernel"), pytest.mark.suite("kernel", "k0s")]

# Of k0s's list, those it does not call optional; CONFIG_ stands before each.
NEEDED = (
    *("CGROUPS", "CGROUP_SCHED", "FAIR_GROUP_SCHED", "CGROUP_PIDS", "CPUSETS", "CGROUP_CPUACCT", "MEMCG"),
    *("CGROUP_DEVICE", "CGROUP_FREEZER", "NAMESPACES", "UTS_NS", "IPC_NS", "PID_NS", "NET_NS", "NET", "INET"),
    *("NETFILTER", "NETFILTER_XTABLES", "NETFILTER_XT_TARGET_REDIRECT", "NETFILTER_XT_MATCH_COMMENT"),
    *("EXT4_FS", "PROC_FS"),
    # With cgroup v2 devices are limited by a program of the kernel's filter, and CPU quotas need bandwidth control.
    *("CGROUP_BPF", "CFS_BANDWIDTH", "BLK_CGROUP", "OVERLAY_FS", "SECCOMP_FILTER"),
)
PLACES = "/boot/config-$(uname -r) /lib/modules/$(uname -r)/config"


@pytest.fixture(scope="session")
def config(root: Host) -> dict[str, str]:
    """The kernel's configuration, where k0s looks for it too."""
    done = root.run(f"zcat /proc/config.gz 2>/dev/null || for f in {PLACES}; do [ -r $f ] && cat $f && break; done")
    pairs = (line.partition("=") for line in done.stdout.splitlines() if line.startswith("CONFIG_"))
    found = {key: value for key, _, value in pairs}
    assert len(found) > 500, "the kernel's configuration cannot be read, so k0s cannot check it either"
    return found


@pytest.mark.parametrize("option", NEEDED)
def test_kernel_option(config: dict[str, str], option: str) -> None:
    """The kernel is built with this option, which k0s or a kubelet with limits needs."""
    assert config.get(f"CONFIG_{option}") in ("y", "m"), (
        f"CONFIG_{option} is {config.get(f'CONFIG_{option}', 'not set')}"
    )


@pytest.mark.runbook("cgroups")
def test_no_controller_is_switched_off(facts: Facts) -> None:
    """The kernel was not told to leave out a controller or to go back to the first version."""
    bad = ("cgroup_disable=", "systemd.unified_cgroup_hierarchy=0", "cgroup_no_v1=")
    assert [word for word in facts.cmdline if word.startswith(bad)] == []


@pytest.mark.runbook("modules")
def test_modules_of_the_packet_filter_load(root: Host) -> None:
    """The modules that kube-proxy and the CNI ask for are there, though none is loaded yet."""
    names = ("xt_REDIRECT", "xt_comment", "xt_conntrack", "xt_MASQUERADE", "iptable_nat", "nf_tables", "ip_set")
    done = root.run(f"for m in {' '.join(names)}; do modprobe -n -q $m || echo $m; done")
    assert done.stdout.split() == [], f"not there: {done.stdout.split()}"
