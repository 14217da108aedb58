"""The root file system: given, not changed."""

from __future__ import annotations

import shlex

import pytest
from testinfra.host import Host

from imagekit.checks.facts import Facts

pytestmark = pytest.mark.runbook("root-file-system")


@pytest.mark.boot_path("direct", "installed")
def test_root_is_mounted_read_only(host: Host) -> None:
    """The root file system is mounted read-only."""
    assert "ro" in host.mount_point("/").options


@pytest.mark.boot_path("direct", "installed")
def test_root_refuses_a_write(root: Host) -> None:
    """Even root cannot write below /usr."""
    attempt = root.run("touch /usr/bin/imagekit-probe")
    assert attempt.rc != 0
    assert "Read-only file system" in attempt.stderr


@pytest.mark.boot_path("live")
def test_what_is_written_stays_in_memory(facts: Facts) -> None:
    """A live node writes to memory only: the medium below is read-only."""
    assert facts.mounts["/"].volatile
    media = [mount for path, mount in facts.mounts.items() if mount.fstype in ("squashfs", "erofs", "iso9660")]
    assert media
    assert all("ro" in mount.options | mount.super_options for mount in media)


@pytest.mark.parametrize("path", ["/etc", "/var", "/srv"])
def test_what_a_reboot_forgets(facts: Facts, path: str) -> None:
    """What is written there is kept in memory and gone after a reboot."""
    assert facts.mount_of(path).volatile


def test_a_node_can_write_where_it_must(root: Host) -> None:
    """The node can write in /etc, /var, /home and /root while it runs."""
    done = root.run("for d in /etc /var /home /root; do p=$(mktemp $d/.imagekit-XXXXXX) && rm $p || exit 1; done")
    assert done.rc == 0, done.stderr


def test_tmp_is_open_and_sticky(host: Host) -> None:
    """/tmp takes files of everybody, and only their owners remove them."""
    assert (host.file("/tmp").user, host.file("/tmp").mode) == ("root", 0o1777)


def test_no_swap(facts: Facts) -> None:
    """The node swaps to nothing: the kubelet refuses to run beside swap."""
    assert facts.swaps == ()


def test_the_image_is_not_a_container(facts: Facts) -> None:
    """The image has no mark of a container, with which systemd would ignore the kernel's command line."""
    assert facts.image_files is not None
    assert not {"/.dockerenv", "/run/.containerenv"} & set(facts.image_files)


_GIVEN = "-x squashfs -x erofs -x iso9660 -x devtmpfs -x efivarfs"  # full by nature, or no files of ours


def test_no_file_system_is_full(root: Host, facts: Facts) -> None:
    """No file system that the node writes to is full."""
    rows = [line.split(None, 5) for line in root.run(f"df -Pk {_GIVEN}").stdout.splitlines()[1:]]
    sizes = {row[5]: (int(row[1]), int(row[3])) for row in rows if len(row) == 6 and row[1].isdigit()}
    full = [point for point, (size, free) in sizes.items() if free * 100 < size and _written(facts, point)]
    assert full == [], f"full: {', '.join(full)}; the largest files: {_largest(root, full)}"


# After the check of what is full: on a node whose writes stay in memory that is the cause, and is told first.
def test_boot_does_not_fill_the_memory(host: Host) -> None:
    """After the boot at least a third of the memory is available."""
    lines = dict(line.split(":") for line in host.run("cat /proc/meminfo").stdout.splitlines())
    total, available, shared = (int(lines[name].split()[0]) // 1024 for name in ("MemTotal", "MemAvailable", "Shmem"))
    said = f"{available} of {total} MiB are available; files in memory (tmpfs, as /etc and /var) hold {shared} MiB"
    assert available > total / 3, said


def _written(facts: Facts, point: str) -> bool:
    mount = facts.mounts.get(point)
    return mount is None or "ro" not in mount.options | mount.super_options


def _largest(root: Host, points: list[str]) -> str:
    """The three largest files on these file systems, with their sizes."""
    where = " ".join(shlex.quote(point) for point in points)
    found = root.run(f"find {where} -xdev -type f -size +1024k -printf '%k KiB %p\\n' | sort -rn | head -n 3")
    return ", ".join(found.stdout.splitlines()) or "none above 1 MiB"
