"""What a reboot, an upgrade and a reset leave of what was written at the first boot."""

from __future__ import annotations

import pytest

from imagekit.checks.contract.facts import NodeFacts
from imagekit.checks.contract.marks import NAME, TABLE

pytestmark = pytest.mark.contract("2 writable state")


def _kept(facts: NodeFacts, path: str) -> bool:
    return facts.sections.get(f"file:{path}/{NAME}") == "first\n"


def _was_left(first: NodeFacts, path: str) -> None:
    """What was never there cannot be lost."""
    assert path in first.answer("planted").text.splitlines(), f"nothing could be written to {path} at the first boot"


@pytest.mark.parametrize("path", TABLE)
def test_reboot(first: NodeFacts, again: NodeFacts, path: str) -> None:
    """A reboot keeps what is persistent and loses what is ephemeral, at this path."""
    _was_left(first, path)
    assert _kept(again, path) == TABLE[path].reboot


@pytest.mark.parametrize("path", TABLE)
def test_upgrade(first: NodeFacts, upgraded: NodeFacts, path: str) -> None:
    """An upgrade keeps what is persistent and loses what is ephemeral, at this path."""
    _was_left(first, path)
    assert _kept(upgraded, path) == TABLE[path].upgrade


@pytest.mark.contract("5 reset")
@pytest.mark.parametrize("path", TABLE)
def test_reset(first: NodeFacts, reset: NodeFacts, path: str) -> None:
    """A reset wipes COS_PERSISTENT and keeps COS_OEM, at this path."""
    _was_left(first, path)
    assert _kept(reset, path) == TABLE[path].reset


def test_the_other_system_has_the_same_data(passive: NodeFacts) -> None:
    """The passive system has the data that the active one wrote."""
    assert [path for path, kept in TABLE.items() if _kept(passive, path) != kept.reboot] == []


def test_a_file_of_the_image_comes_back(first: NodeFacts, again: NodeFacts) -> None:
    """A file in /etc that was changed on the node is the image's again after a reboot."""
    assert again.file("/etc/motd") == first.file("/etc/motd")


@pytest.mark.parametrize("section", ["file:/etc/machine-id", "hostname", "hostkey"])
def test_identity_outlives_a_reboot(first: NodeFacts, again: NodeFacts, section: str) -> None:
    """Machine id, host name and SSH host keys are the same after a reboot."""
    assert again.text(section) == first.text(section)


@pytest.mark.parametrize("section", ["file:/etc/machine-id", "hostname", "hostkey"])
def test_identity_outlives_an_upgrade(first: NodeFacts, upgraded: NodeFacts, section: str) -> None:
    """Machine id, host name and SSH host keys are the same after an upgrade."""
    assert upgraded.text(section) == first.text(section)


def test_it_was_another_boot(first: NodeFacts, passive: NodeFacts, again: NodeFacts) -> None:
    """The facts of these phases are those of different boots."""
    assert len({facts.text("bootid") for facts in (first, passive, again)}) == 3
