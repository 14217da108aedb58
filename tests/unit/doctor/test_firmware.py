"""Firmware and TPM emulator, as the doctor finds them; both are optional."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imagekit.doctor import tpm, uefi
from imagekit.doctor.check import OPTIONAL
from imagekit.doctor.distribution import Distribution
from imagekit.doctor.model import Host, Need, State

PLAIN: list[str] = ["acpi-s3", "verbose-dynamic"]
SECURE = ["enrolled-keys", "requires-smm", "secure-boot"]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A Debian 12."""
    return Host(
        work=tmp_path,
        registry="127.0.0.1:20555",
        docker_host=None,
        libvirt_uris=("qemu:///system",),
        distribution=Distribution(name="debian-12"),
    )


def describe(folder: Path, name: str, features: list[str], **other: Any) -> None:
    """A firmware description as packages bring it."""
    text = {"interface-types": ["uefi"], "targets": [{"architecture": "x86_64"}], "features": features, **other}
    (folder / name).write_text(json.dumps(text))


def test_both_firmwares_are_wanted(tmp_path: Path, host: Host) -> None:
    assert uefi.check(host, [tmp_path, tmp_path / "none"]).state is State.MISSING
    describe(tmp_path, "60.json", PLAIN)
    assert uefi.check(host, [tmp_path]).found == "only a plain one"
    describe(tmp_path, "40.json", SECURE)
    assert uefi.check(host, [tmp_path]).state is State.OK
    (tmp_path / "60.json").unlink()
    assert uefi.check(host, [tmp_path]).found == "only the secure one"


def test_firmware_for_others_does_not_count(tmp_path: Path, host: Host) -> None:
    describe(tmp_path, "1.json", PLAIN, targets=[{"architecture": "aarch64"}])
    describe(tmp_path, "2.json", PLAIN, **{"interface-types": ["bios"]})
    (tmp_path / "3.json").write_text("{")
    finding = uefi.check(host, [tmp_path])
    assert finding.state is State.MISSING
    assert finding.remedy == "apt-get install ovmf"


def test_the_tpm_needs_two_programs(tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tpm.check(host).state is State.MISSING
    for name in ("swtpm", "swtpm_setup"):
        assert tpm.check(host).state is State.MISSING
        (tmp_path / name).write_text("#!/bin/sh\necho 'TPM emulator version 0.7.1'\n")
        (tmp_path / name).chmod(0o755)
    assert tpm.check(host).state is State.OK


def test_both_count_only_where_they_are_used() -> None:
    assert {Need.UEFI, Need.TPM} <= set(OPTIONAL)
