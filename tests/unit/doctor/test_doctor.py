"""Findings and remedies, with small programs in the part of the real ones."""

from __future__ import annotations

import json
import os
import pwd
from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.base.errors import ToolError
from imagekit.doctor import accelerator, check, initrd, libvirt, memory, mmdebstrap, ports, qemu, registry
from imagekit.doctor.distribution import Distribution, packages, remedy, this_distribution
from imagekit.doctor.model import Finding, Host, Need, State
from imagekit.machine.accel import Acceleration
from imagekit.machine.errors import HypervisorError
from imagekit.machine.interface import Accelerator

BOTH = ("qemu:///session", "qemu+ssh://lab.example/system")
DISTRIBUTIONS = ("debian-12", "debian-13", "ubuntu-24.04")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A Debian 12 with nothing configured."""
    return Host(
        work=tmp_path,
        registry="127.0.0.1:20555",
        docker_host=None,
        libvirt_uris=("qemu:///system",),
        distribution=Distribution(name="debian-12"),
    )


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An otherwise empty PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install(folder: Path, name: str, says: str) -> None:
    """A program that prints one thing."""
    (folder / name).write_text(f"#!/bin/sh\necho '{says}'\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("answering", "state"),
    [
        ({"qemu:///session", "qemu+ssh://lab.example/system"}, State.OK),
        ({"qemu:///session"}, State.WARN),
        ({"qemu+ssh://lab.example/system"}, State.WARN),
        (set(), State.BROKEN),
    ],
)
def test_of_several_libvirts_one_is_enough(
    host: Host, monkeypatch: pytest.MonkeyPatch, answering: set[str], state: State
) -> None:
    monkeypatch.setattr(libvirt, "answers", lambda uri: uri in answering)
    finding = libvirt.check(replace(host, libvirt_uris=BOTH))
    assert finding.state is state
    for uri in BOTH:
        assert uri in finding.found
        assert (f"virsh -c {uri} version" in finding.remedy) is (uri not in answering)


@pytest.mark.parametrize(
    ("wrong", "state"),
    [
        ((), State.OK),
        (("qemu+ssh://lab.example/system",), State.WARN),
        (("qemu:///session", "qemu+ssh://lab.example/system"), State.BROKEN),
    ],
)
def test_each_of_several_hosts_is_probed(
    programs: Path, host: Host, monkeypatch: pytest.MonkeyPatch, wrong: tuple[str, ...], state: State
) -> None:
    install(programs, "qemu-system-x86_64", "QEMU emulator version 10.0.2")

    def probed(uri: str, _host: Host, _emulator: Path) -> Acceleration:
        if uri in wrong:
            raise HypervisorError(f"{uri}: no such file", hint=f"share the folder with {uri}")
        return Acceleration(Accelerator.TCG, 1.0)

    monkeypatch.setattr(accelerator, "_found", probed)
    finding = accelerator.check(replace(host, libvirt_uris=BOTH))
    assert finding.state is state
    assert finding.remedy.splitlines() == [f"share the folder with {uri}" for uri in wrong]
    assert "qemu:///session: " in finding.found


@pytest.mark.parametrize(
    ("version", "state"), [("10.0.2", State.OK), ("11.1", State.OK), ("8.2.2", State.WARN), ("7.2.22", State.BROKEN)]
)
def test_qemu_is_judged_by_version(programs: Path, host: Host, version: str, state: State) -> None:
    install(programs, "qemu-system-x86_64", f"QEMU emulator version {version} (Debian 1:{version}+ds)")
    finding = qemu.check(host)
    assert finding.state is state
    assert ("bin/setup" in finding.remedy) is (state is not State.OK)


def test_ubuntu_is_told_what_it_can_do_about_qemu(programs: Path, host: Host) -> None:
    install(programs, "qemu-system-x86_64", "QEMU emulator version 8.2.2 (Debian 1:8.2.2+ds-0ubuntu1.7)")
    finding = qemu.check(replace(host, distribution=Distribution(name="ubuntu-24.04")))
    assert finding.state is State.WARN
    assert "KVM" in finding.remedy


def test_a_missing_program_names_the_command_that_brings_it(programs: Path, host: Host) -> None:
    finding = mmdebstrap.check(replace(host, distribution=Distribution(name="debian-13")))
    assert (finding.state, finding.remedy) == (
        State.MISSING,
        "apt-get install mmdebstrap debian-archive-keyring uidmap",
    )


@pytest.fixture
def ordinary(monkeypatch: pytest.MonkeyPatch) -> pwd.struct_passwd:
    """A user who is not root."""
    user = pwd.getpwnam("nobody")
    monkeypatch.setattr(os, "geteuid", lambda: user.pw_uid)
    monkeypatch.setattr(os, "getuid", lambda: user.pw_uid)
    return user


def test_a_base_made_without_root_needs_a_program_and_a_range_of_ids(
    programs: Path, host: Host, ordinary: pwd.struct_passwd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = [tmp_path / "subuid", tmp_path / "subgid"]
    for name, table in zip(("SUBUID", "SUBGID"), tables, strict=True):
        monkeypatch.setattr(mmdebstrap, name, table)
    install(programs, "mmdebstrap", "mmdebstrap 1.5.7")
    debian = replace(host, distribution=Distribution(name="debian-13"))
    without_program = mmdebstrap.check(debian)
    assert without_program.state is State.BROKEN
    assert without_program.remedy.endswith("uidmap")
    install(programs, "newuidmap", "")
    without_range = mmdebstrap.check(debian)
    assert without_range.state is State.BROKEN
    assert without_range.remedy.startswith("sudo usermod --add-subuids")
    for table, who in zip(tables, (ordinary.pw_name, ordinary.pw_uid), strict=True):
        table.write_text(f"else:1:2\n{who}:100000:65536\n")
    assert mmdebstrap.check(debian).state is State.OK
    tables[1].write_text("else:100000:65536\n")
    assert str(tables[1]) in mmdebstrap.check(debian).found


def test_a_program_without_a_version_is_broken(programs: Path, host: Host) -> None:
    install(programs, "mmdebstrap", "segmentation fault")
    assert mmdebstrap.check(host).state is State.BROKEN


def test_a_dynamic_busybox_is_not_enough(programs: Path, host: Host) -> None:
    (programs / "busybox").write_bytes(b"\x7fELF" + b"\0" * 60 + b"/lib64/ld-linux-x86-64.so.2")
    (programs / "busybox").chmod(0o755)
    assert initrd.check(host).state is State.BROKEN


def test_a_foreign_registry_needs_no_program(programs: Path, host: Host) -> None:
    assert registry.check(host).state is State.MISSING
    foreign = replace(host, registry="registry.example:443")
    assert registry.check(foreign).state is State.OK
    assert ports.check(foreign).state is State.OK


def test_available_memory_is_read_in_gib() -> None:
    assert memory.available_gib("MemTotal: 4194304 kB\nMemAvailable:    2097152 kB\n") == 2.0


@pytest.mark.parametrize(
    ("meminfo", "most"),
    [
        ("MemAvailable: 2097152 kB\nSwapFree: 0 kB\n", 1792),
        ("MemAvailable: 1048576 kB\nSwapFree: 1048576 kB\n", 1792),
        ("MemAvailable: 2097152 kB\n", 1792),
        ("MemAvailable: 102400 kB\n", 0),
    ],
)
def test_a_guest_that_does_not_fit_is_refused_with_what_would(
    meminfo: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meminfo").write_text(meminfo)
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    if most:
        memory.require_memory("edge-node", most)
    with pytest.raises(ToolError, match=f"edge-node has {most + 1} MiB of memory, and this host has") as caught:
        memory.require_memory("edge-node", most + 1)
    assert f"up to {most} MiB fit" in caught.value.hint


def test_everything_missing_is_named_at_once(programs: Path, host: Host) -> None:
    with pytest.raises(check.NeedsMissingError) as caught:
        check.require([Need.MMDEBSTRAP, Need.QEMU, Need.DISK, Need.SSH], host)
    assert {one.need for one in caught.value.findings} >= {Need.MMDEBSTRAP, Need.QEMU, Need.SSH}
    assert caught.value.exit_code == 3
    assert "bin/setup" in caught.value.hint
    assert "apt-get install openssh-client" in caught.value.hint


def test_every_need_has_a_check(host: Host) -> None:
    assert {one.need for one in check.check([Need.DISK, Need.MEMORY, Need.PYTHON], host)} == {
        Need.DISK,
        Need.MEMORY,
        Need.PYTHON,
    }
    assert set(check._CHECKS) == set(Need)


def test_findings_are_plain_data() -> None:
    one = Finding(need=Need.SSH, state=State.MISSING, found="not installed", wanted="ssh", remedy="apt-get install x")
    assert json.loads(json.dumps(check.to_json([one]))) == [
        {
            "need": "ssh",
            "state": "missing",
            "found": "not installed",
            "wanted": "ssh",
            "remedy": "apt-get install x",
        }
    ]


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_every_distribution_has_every_need(name: str) -> None:
    names = {package.need for package in packages(Distribution(name=name))}
    assert names == {package.need for package in packages(Distribution(name="debian-12"))}
    assert names - {"python", "engine", "libvirt", "qemu"} <= {need.value for need in Need}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_the_table_knows_only_these_places(name: str) -> None:
    allowed = {"main", "backports", "trixie"} if name == "debian-12" else {"main"}
    assert {package.where for package in packages(Distribution(name=name))} <= allowed


def test_remedies_differ_by_distribution() -> None:
    assert remedy(Distribution(name="debian-12"), "qemu").startswith("bin/setup")
    assert remedy(Distribution(name="debian-13"), "qemu") == "apt-get install qemu-system-x86 qemu-utils"
    assert "docker-cli" not in remedy(Distribution(name="ubuntu-24.04"), "engine")
    assert "OCI image (docs/hosts.md), or install by hand" in remedy(Distribution(name="arch"), "qemu")


def test_ubuntu_26_04_has_all_that_24_04_lacks() -> None:
    """W9: mke2fs 1.47.1, which fills file systems from tars."""
    names = {
        name: {each.name for each in packages(Distribution(name=name))} for name in ("ubuntu-24.04", "ubuntu-26.04")
    }
    assert names["ubuntu-26.04"] - names["ubuntu-24.04"] == {"e2fsprogs"}
    assert names["ubuntu-24.04"] <= names["ubuntu-26.04"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('ID=debian\nVERSION_ID="12"\n', "debian-12"),
        ('ID="ubuntu"\nVERSION_ID="24.04"\n', "ubuntu-24.04"),
        ("ID=arch\n", "arch"),
        ("", "unknown"),
    ],
)
def test_the_distribution_is_read_from_os_release(tmp_path: Path, text: str, name: str) -> None:
    path = tmp_path / "os-release"
    path.write_text(text)
    assert this_distribution(path).name == name
