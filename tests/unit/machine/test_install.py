"""Disks that an agent installed: named by what they were made from, kept whole or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.base.errors import ToolError
from imagekit.machine.identity import fresh_keys, keep_keys, kept_keys
from imagekit.machine.install import InstallRequest, _content_key, _kept
from imagekit.machine.interface import Firmware, VmShape
from tests.support.tinykernel import artifacts


@pytest.fixture
def request_(tmp_path: Path) -> InstallRequest:
    """An installation of some image."""
    return InstallRequest(
        name="debian-node",
        run_id="r",
        artifacts=artifacts(tmp_path, "x"),
        folder=tmp_path / "run",
        into=tmp_path / "kept",
        harness=tmp_path,
    )


def test_whatever_decides_the_disk_decides_its_name(request_: InstallRequest) -> None:
    others = [
        replace(request_, shape=VmShape(firmware=Firmware.UEFI)),
        replace(request_, shape=VmShape(tpm=True)),
        replace(request_, disk_mib=4096),
        replace(request_, cloud_config={"install": {"nousers": True}}),
        replace(request_, source="oci:127.0.0.1:5000/x"),
    ]
    assert len({_content_key(each) for each in (request_, *others)}) == 6


def test_memory_and_run_do_not_decide_it(request_: InstallRequest) -> None:
    other = replace(request_, run_id="s", shape=VmShape(memory_mib=4096, cpus=4))
    assert _content_key(other) == _content_key(request_)


def test_a_disk_without_its_record_is_none(tmp_path: Path) -> None:
    (tmp_path / "disk.qcow2").touch()
    assert _kept(tmp_path) is None
    keys = fresh_keys()
    keep_keys(keys, tmp_path / "keys.json")
    (tmp_path / "install.json").write_text(json.dumps({"seconds": 41.5}))
    found = _kept(tmp_path)
    assert found is not None
    assert (found.keys, found.seconds, found.reused) == (keys, 41.5, True)


def test_kept_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys = fresh_keys()
    keep_keys(keys, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept_keys(path) == keys
    assert "PRIVATE" not in repr(keys)


def test_damaged_keys_are_an_error_that_shows_none_of_them(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text('{"user": "kairos", "client": {"private": "secret"}}')
    with pytest.raises(ToolError, match="cannot be read") as caught:
        kept_keys(path)
    assert "secret" not in str(caught.value)
