"""Where kairos-agent makes other files of layers than containerd: each case as its own code was seen to take it."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.oci.agenttree import agent_differences
from tests.support.layout import directory, hard_link, layer, layout, member, symlink

_LINKED = layer(member("x", b"old"), hard_link("y", "x"))
CASES = {
    "nothing": ([layer(directory("etc"), member("etc/x", b"low")), layer(member("./etc/x", b"up"))], ()),
    "a name changed": ([_LINKED, layer(member("x", b"new"))], ("/y is another file, of layer 2 and not of layer 1",)),
    "the other name changed": ([_LINKED, layer(member("y", b"new"))], ()),
    "a name removed": (
        [_LINKED, layer(member(".wh.x"))],
        ("/y is a hard link to /x, which a later layer removes: the upgrade fails", "/y is left out"),
    ),
    "the other name removed": ([_LINKED, layer(member(".wh.y"))], ()),
    "a link that climbs": ([layer(directory("etc"), symlink("etc/l", "../../usr/l"))], ("/etc/l is left out",)),
    "a link that does not": ([layer(directory("etc"), symlink("etc/l", "../usr/l"), symlink("m", "/../x"))], ()),
    "a link that climbs over a file": (
        [layer(member("etc/l", b"low")), layer(symlink("etc/l", "../../usr/l"))],
        ("/etc/l is another file, of layer 1 and not of layer 2",),
    ),
    "twice in a layer": (
        [layer(member("x", b"1"), member("x", b"2"))],
        ("/x is the first that layer 1 has of it, and not the last",),
    ),
    "a folder emptied": (
        [layer(directory("d"), member("d/a")), layer(directory("d"), member("d/.wh..wh..opq"), member("d/b"))],
        (),
    ),
    "a folder in place of a link": ([layer(symlink("d", "e")), layer(directory("d"), member("d/f"))], ()),
    "a file in place of a folder": ([layer(directory("d"), member("d/f")), layer(member("d"))], ()),
}


@pytest.mark.parametrize("name", CASES)
def test_what_the_agent_takes_otherwise(tmp_path: Path, name: str) -> None:
    layers, expected = CASES[name]
    assert agent_differences(tmp_path, layout(tmp_path, layers)) == expected


def test_twenty_are_told_at_most(tmp_path: Path) -> None:
    links = [symlink(f"l{number}", "../x") for number in range(30)]
    assert len(agent_differences(tmp_path, layout(tmp_path, [layer(*links)]))) == 20
