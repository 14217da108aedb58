from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from imagekit.checks.bootcost import BootCost
from imagekit.checks.session import Event, Session, append, read_events
from imagekit.checks.suitehash import suite_hash
from imagekit.checks.tlspeer import Peers, TlsPeer
from imagekit.machine.libvirt.agent import GuestAgent


def session(tmp_path: Path) -> Session:
    return Session(
        host="local://",
        sudo=False,
        boot_path="direct",
        layers=("base",),
        checks_root="/c",
        images_root="/i",
        events=str(tmp_path / "e"),
        family="debian",
        check_seconds=1.0,
        today="2026-11-22",
        peers=Peers(TlsPeer("10.0.2.100", 40001), TlsPeer("10.0.2.100", 40002)),
    )


def test_session_survives_its_file(tmp_path: Path) -> None:
    written = session(tmp_path)
    written.write(tmp_path / "s.json")
    assert Session.read(tmp_path / "s.json") == written
    costed = replace(written, cost=BootCost(cpu_seconds=40.5, budget=60.0, units={"a.service": 1.5}))
    costed.write(tmp_path / "s.json")
    assert Session.read(tmp_path / "s.json") == costed
    answering = replace(written, agent=GuestAgent(uri="qemu:///system", domain="imagekit-a"))
    answering.write(tmp_path / "s.json")
    assert Session.read(tmp_path / "s.json") == answering
    alone = replace(written, peers=None)
    alone.write(tmp_path / "s.json")
    assert Session.read(tmp_path / "s.json") == alone
    assert [path.name for path in tmp_path.iterdir()] == ["s.json"]


def test_a_cut_off_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "events"
    assert list(read_events(path)) == []
    append(path, Event.STARTED, id="a")
    with path.open("a") as stream:
        stream.write('{"event": "ended", "id": "a"')
    assert list(read_events(path)) == [{"event": "started", "id": "a"}]


def test_suite_hash_names_what_is_run(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "sssd").mkdir()
    check = tmp_path / "base" / "test_a.py"
    check.write_text("1")
    first = suite_hash(["base"], tmp_path)
    (tmp_path / "sssd" / "test_b.py").write_text("other layer")
    (tmp_path / "base" / "__pycache__").mkdir()
    (tmp_path / "base" / "__pycache__" / "x.pyc").write_text("cache")
    assert suite_hash(["base"], tmp_path) == first
    check.write_text("2")
    second = suite_hash(["base"], tmp_path)
    assert second != first
    (tmp_path / "shared.py").write_text("helper")
    assert suite_hash(["base"], tmp_path) != second
