"""Checks that ask through testinfra's modules: true of a good node without a round trip, and false of a bad one."""

from __future__ import annotations

import importlib.util
import inspect
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from testinfra.host import Host

from imagekit.checks import declared
from imagekit.checks.batched import Batch, BatchedHost
from imagekit.checks.facts import Facts, File, Mount, Unit
from imagekit.checks.role import role_of
from imagekit.config.layerfile import LayerSpec
from tests.support.hardenednode import layer, node

CHECKS = Path(__file__).resolve().parents[3] / "vm-harness/checks"
FOLDER = File(0o755, "root", "root", "d", 40, "")
KERNEL = "6.12.0-cloud"
RO = Mount("/dev/sda", "squashfs", frozenset({"ro"}), frozenset({"ro"}))


def plain(mode: int = 0o644, size: int = 10, user: str = "root") -> File:
    return File(mode, user, "root", "f", size, "")


def link(target: str) -> File:
    return File(0o777, "root", "root", "l", len(target), target)


FOLDERS = (
    *("/etc", "/etc/ssh", "/etc/ssl", "/etc/ssl/certs", "/boot", "/usr/bin", "/usr/lib/modules", "/system/oem"),
    *("/usr/lib/systemd/system", "/etc/systemd/system", "/run/systemd/system", f"/usr/lib/modules/{KERNEL}"),
)


def good() -> Facts:
    """The recorded node, with the files that the checks ask for."""
    recorded = node().facts
    names = [name for each in ("base", "k0s", "sssd") for name in LayerSpec.expected_packages(layer(each), _debian())]
    return replace(
        recorded,
        arch="x86_64",
        units={**recorded.units, "cos-setup-boot.service": Unit("loaded", "inactive", "dead")},
        packages=dict.fromkeys(names, "1"),
        sysctl={**recorded.sysctl, "kernel.osrelease": KERNEL, "net.ipv4.ip_forward": "1"},
        mounts={**recorded.mounts, "/sys/fs/cgroup": _pseudo("cgroup2"), "/sys/fs/bpf": _pseudo("bpf"), "/": RO},
        files={
            **dict.fromkeys(FOLDERS, FOLDER),
            "/tmp": File(0o1777, "root", "root", "d", 60, ""),
            "/etc/shadow": plain(0o640),
            "/etc/k0s": File(0o700, "root", "root", "d", 3, ""),
            "/etc/sssd": File(0o711, "root", "root", "d", 3, ""),
            "/etc/ssh/ssh_host_ed25519_key": plain(0o600),
            "/usr/bin/k0s": plain(0o755),
            "/usr/sbin/sysctl": plain(0o755),
            "/boot/initrd": plain(size=15_000_000),
            "/boot/vmlinuz": link("vmlinuz-6.12"),
            "/boot/vmlinuz-6.12": plain(),
            "/system/oem/00_rootfs.yaml": plain(),
        },
        sshd={**recorded.sshd, "hostkey": ("/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_rsa_key")},
        hardware_clock="UTC",
    )


def _debian() -> Any:
    from imagekit.config.model import Family

    return Family.DEBIAN


def _pseudo(kind: str) -> Mount:
    return Mount("none", kind, frozenset({"rw"}), frozenset({"rw"}))


def with_file(path: str, file: File | None) -> Any:
    def change(facts: Facts) -> Facts:
        kept = {name: each for name, each in facts.files.items() if name != path}
        return replace(facts, files=kept if file is None else {**kept, path: file})

    return change


def with_unit(name: str, active: str) -> Any:
    return lambda facts: replace(facts, units={**facts.units, name: Unit("loaded", active, "")})


def without_units(start: str) -> Any:
    """Their names are still there, since other units want to start after them."""

    def change(facts: Facts) -> Facts:
        gone = {name: Unit("not-found", "inactive", "dead") for name in facts.units if name.startswith(start)}
        assert gone
        return replace(facts, units={**facts.units, **gone})

    return change


def with_sysctl(name: str, value: str) -> Any:
    return lambda facts: replace(facts, sysctl={**facts.sysctl, name: value})


def with_mount(path: str, mount: Mount) -> Any:
    return lambda facts: replace(facts, mounts={**facts.mounts, path: mount})


def with_package(name: str) -> Any:
    return lambda facts: replace(facts, packages={**facts.packages, name: "1"})


def without_package(name: str) -> Any:
    return lambda facts: replace(facts, packages={key: each for key, each in facts.packages.items() if key != name})


FAULTS = [
    ("base/test_root.py::test_root_is_mounted_read_only", with_mount("/", _pseudo("ext4"))),
    ("base/test_root.py::test_tmp_is_open_and_sticky", with_file("/tmp", FOLDER)),
    ("base/test_boot.py::test_one_kernel_and_it_runs", with_file("/usr/lib/modules/5.0", FOLDER)),
    ("base/test_boot.py::test_one_kernel_and_it_runs", with_sysctl("kernel.osrelease", "5.0")),
    ("base/test_boot.py::test_the_kernel_is_where_the_framework_looks", with_file("/boot/vmlinuz-6.12", plain(size=0))),
    ("base/test_boot.py::test_the_kernel_is_where_the_framework_looks", with_file("/boot/vmlinuz", link("initrd"))),
    ("base/test_boot.py::test_the_initrd_is_where_the_framework_looks", with_file("/boot/initrd", plain(size=9))),
    ("base/test_boot.py::test_the_initrd_is_where_the_framework_looks", with_file("/boot/initrd", link("vmlinuz"))),
    ("base/test_boot.py::test_the_clock_is_looked_after", with_unit("systemd-timesyncd.service", "failed")),
    ("base/test_boot.py::test_the_clock_is_looked_after", lambda facts: replace(facts, hardware_clock="LOCAL")),
    ("base/test_hygiene.py::test_declared_packages_are_installed", without_package("openssh-server")),
    ("base/test_hygiene.py::test_no_cloud_init", with_package("cloud-init")),
    ("base/test_hygiene.py::test_no_cloud_init", with_unit("cloud-final.service", "inactive")),
    ("sssd/test_sssd.py::test_sssd_waits", without_units("sssd")),
    ("base/test_release.py::test_stages_ran", without_units("cos-setup-")),
    ("base/test_hygiene.py::test_nothing_updates_itself", with_package("unattended-upgrades")),
    ("base/test_hygiene.py::test_shadow_is_secret", with_file("/etc/shadow", plain(0o644))),
    ("base/test_hygiene.py::test_shadow_is_secret", with_file("/etc/shadow", plain(0o600, user="daemon"))),
    ("base/test_network.py::test_network_manager_runs", with_unit("NetworkManager.service", "failed")),
    ("base/test_network.py::test_no_second_manager", with_unit("systemd-networkd.service", "active")),
    ("base/test_kernel.py::test_packets_are_forwarded", with_sysctl("net.ipv4.ip_forward", "0")),
    ("base/test_kernel.py::test_cgroups_are_unified", with_mount("/sys/fs/cgroup", _pseudo("tmpfs"))),
    (
        "base/test_kernel.py::test_programs_of_the_berkeley_filter_can_be_pinned",
        with_mount("/sys/fs/bpf", _pseudo("tmpfs")),
    ),
    ("base/test_release.py::test_default_cloud_configs", with_file("/system/oem/00_rootfs.yaml", None)),
    ("base/test_ssh.py::test_host_keys_are_secret", with_file("/etc/ssh/ssh_host_ed25519_key", plain(0o644))),
    ("base/test_ssh.py::test_host_keys_are_secret", with_file("/etc/ssh/ssh_host_rsa_key", plain(0o600, user="sshd"))),
    ("base/test_ssh.py::test_host_keys_are_secret", with_file("/etc/ssh/ssh_host_ed25519_key", None)),
    ("sssd/test_sssd.py::test_declared_packages_are_installed", without_package("sssd-ad")),
    ("sssd/test_sssd.py::test_configuration_folder_is_closed", with_file("/etc/sssd", FOLDER)),
    ("k0s/test_k0s.py::test_declared_packages_are_installed", without_package("conntrack")),
    ("k0s/test_k0s.py::test_k0s_is_a_program", with_file("/usr/bin/k0s", plain(0o755, size=0))),
    ("k0s/test_k0s.py::test_tokens_are_secret", with_file("/etc/k0s", FOLDER)),
    ("k0s/test_k0s.py::test_the_kernel_limits_are_wide", with_sysctl("kernel.pid_max", "32768")),
    ("ca-trust/test_ca_trust.py::test_folder_is_not_open", with_file("/etc/ssl/certs", replace(FOLDER, mode=0o777))),
    ("ca-trust/test_ca_trust.py::test_folder_is_not_open", with_file("/etc/ssl/certs", None)),
]


class NoNode:
    """A backend that is never to be asked."""

    def run(self, command: str, *args: str) -> object:
        raise LookupError(f"a round trip for {command} {args}")

    def encode(self, text: str) -> bytes:
        return text.encode()

    def result(self, code: int, command: bytes, out: str, err: str) -> object:
        from testinfra.backend.base import CommandResult

        return CommandResult(self, code, command, out, err)


@pytest.fixture(autouse=True)
def _session(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process that runs checks knows: its marks, and what the layers declare."""
    for mark in ("runbook", "cold_boot", "boot_path", "suite", "needs", "role", "title", "container"):
        pytestconfig.addinivalue_line("markers", f"{mark}: of a check file")
    monkeypatch.setattr(declared, "layer", layer)
    monkeypatch.setattr(declared, "packages", lambda name: layer(name).expected_packages(_debian()))
    monkeypatch.setattr(declared, "drivers", lambda name: ())
    monkeypatch.setattr(declared, "sysctl_files", lambda name: ())
    monkeypatch.setattr(declared, "authorities", lambda name: ())
    monkeypatch.setattr(declared, "state", lambda name: ())
    monkeypatch.setattr(declared, "k0s_role", lambda: None)
    monkeypatch.setattr(
        declared, "session", lambda: SimpleNamespace(profile=(), boot_path="installed", layers=(), image_layers=())
    )
    declared.written.cache_clear()


def judge(check: str, facts: Facts) -> None:
    path, _, name = check.partition("::")
    spec = importlib.util.spec_from_file_location("check_file", CHECKS / path)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    given = {"facts": facts, "host": BatchedHost(Host(NoNode()), Batch(lambda: facts))}
    function = getattr(module, name)
    function(**{each: given[each] for each in inspect.signature(function).parameters})


@pytest.mark.parametrize("check", sorted({check for check, _ in FAULTS}))
def test_a_good_node_passes_without_a_round_trip(check: str) -> None:
    judge(check, good())


def test_a_unit_that_others_only_wait_for_is_none() -> None:
    """open-vm-tools.service of Debian says Before=cloud-init-local.service."""
    units = {**good().units, "cloud-init-local.service": Unit("not-found", "inactive", "dead")}
    judge("base/test_hygiene.py::test_no_cloud_init", replace(good(), units=units))


WORKER = "k0s-worker: {enabled: true, args: [--token-file, /etc/k0s/token]}"
WRITER = "stages: {initramfs: [{files: [{path: /etc/k0s/x, content: x}]}]}"
OPEN, FILE = ("test_tokens_are_secret", "/etc/k0s"), "test_no_token_in_the_image"


@pytest.mark.parametrize(
    ("check", "path", "file", "config", "good_one"),
    [
        (*OPEN, FOLDER, WORKER, True),  # as k0s's worker leaves it
        (*OPEN, FOLDER, WRITER, False),
        (*OPEN, replace(FOLDER, mode=0o775), WORKER, False),
        (*OPEN, replace(FOLDER, user="k0s"), WORKER, False),
        (FILE, "/etc/k0s/token", plain(0o600), WORKER, True),
        (FILE, "/etc/k0s/containerd.toml", plain(), WORKER, True),  # which k0s's worker writes
        (FILE, "/etc/k0s/containerd.toml", plain(), WRITER, False),
        (FILE, "/etc/k0s/token", plain(0o600), WRITER, False),
        (FILE, "/etc/k0s/x", plain(), WRITER, True),
        (FILE, "/etc/k0s/x", plain(), WORKER, False),
    ],
)
def test_what_may_lie_beside_the_token(
    check: str, path: str, file: File, config: str, good_one: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = tmp_path / "node.yaml"
    profile.write_text(f"#cloud-config\n{config}\n")
    session = SimpleNamespace(profile=(str(profile),), boot_path="installed", layers=(), image_layers=())
    monkeypatch.setattr(declared, "session", lambda: session)
    monkeypatch.setattr(declared, "k0s_role", lambda: role_of(session.profile, session.boot_path))
    declared.written.cache_clear()
    facts = with_file(path, file)(good())
    if good_one:
        return judge(f"k0s/test_k0s.py::{check}", facts)
    with pytest.raises(AssertionError):
        judge(f"k0s/test_k0s.py::{check}", facts)


@pytest.mark.parametrize(
    ("check", "fault"), FAULTS, ids=[f"{check.partition('::')[2]}-{n}" for n, (check, _) in enumerate(FAULTS)]
)
def test_a_bad_node_does_not(check: str, fault: Any) -> None:
    with pytest.raises((AssertionError, LookupError)) as caught:
        judge(check, fault(good()))
    assert not isinstance(caught.value, LookupError)
