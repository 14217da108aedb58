"""A running machine that is written to a file: when it may go on, by QEMU's own words."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import libvirt
import libvirt_qemu
import pytest

from imagekit.machine.domain import Incoming
from imagekit.machine.errors import HypervisorError
from imagekit.machine.libvirt import saving


@dataclass
class Monitor:
    """A domain with QEMU's monitor: it calls the migration `completed` before the machine may go on."""

    migration: str = "completed"
    states: list[str] = field(default_factory=lambda: ["finish-migrate", "finish-migrate", "postmigrate"])
    calls: list[str] = field(default_factory=list)
    active: bool = True

    def isActive(self) -> bool:  # noqa: N802 - libvirt's name
        return self.active

    def name(self) -> str:
        return "imagekit-a"

    def connect(self) -> None:
        return None

    def suspend(self) -> None:
        self.calls.append("suspend")

    def resume(self) -> None:
        """As qmp_cont of QEMU 10.0."""
        if self.states[:1] == ["finish-migrate"]:
            raise libvirt.libvirtError("Migration is not finalized yet")
        self.calls.append("resume")

    def answer(self, _domain: object, text: str, _flags: int) -> str:
        command = json.loads(text)["execute"]
        self.calls.append(command)
        if command == "query-migrate":
            return json.dumps({"return": {"status": self.migration, "error-desc": "no room"}})
        if command == "query-status":
            status = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            return json.dumps({"return": {"status": status}})
        return json.dumps({"return": {}})


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> Monitor:
    made = Monitor()
    monkeypatch.setattr(libvirt_qemu, "qemuMonitorCommand", made.answer)
    monkeypatch.setattr(saving, "admit_state", lambda *_: None)
    monkeypatch.setattr(saving, "_EVERY", 0.0)
    return made


def test_a_saved_machine_goes_on_when_qemu_lets_it(monitor: Monitor, tmp_path: Path) -> None:
    """On a busy machine it stood still for ever: "completed" comes a moment before it may go on."""
    stood: list[str] = []
    saving.save(monitor, tmp_path / "state", lambda: stood.extend(monitor.calls))
    assert monitor.calls[-2:] == ["query-status", "resume"]
    assert monitor.calls.count("query-status") == 3
    assert stood[0] == "suspend"
    assert "resume" not in stood


def test_a_machine_that_was_not_written_goes_on_too(monitor: Monitor, tmp_path: Path) -> None:
    monitor.migration, monitor.states = "failed", ["paused"]
    with pytest.raises(HypervisorError, match="failed: no room"):
        saving.save(monitor, tmp_path / "state", lambda: pytest.fail("nothing was written"))
    assert monitor.calls[-1] == "resume"


@pytest.mark.parametrize("gone", [False, True])
def test_qemu_that_ends_over_a_state_is_said_so(monitor: Monitor, tmp_path: Path, gone: bool) -> None:
    def ends(_domain: object, text: str, _flags: int) -> str:
        if json.loads(text)["execute"] == "query-migrate":
            raise libvirt.libvirtError("Domain not found")
        return monitor.answer(_domain, text, _flags)

    monitor.states, monitor.active = ["inmigrate"], not gone
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(libvirt_qemu, "qemuMonitorCommand", ends)
        said = "QEMU ended while imagekit-a took its saved state" if gone else "QEMU did not answer query-migrate"
        with pytest.raises(HypervisorError, match=said):
            saving.load(monitor, Incoming(state=tmp_path / "state", proven=lambda: None))
