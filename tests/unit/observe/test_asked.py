"""What nodes answer: by an API server, by SSH; and what is no answer."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from imagekit.app.observing import place_of
from imagekit.audit.spans import reinstalled, spans
from imagekit.base.errors import ConfigError, ToolError
from imagekit.base.process import run
from imagekit.observe.kubernetes import observe_cluster
from imagekit.observe.model import Observation, Source
from imagekit.observe.ssh import ASK, Login, Place, Silent, observation_of, observe_nodes

DIGEST = "sha256:" + "a" * 64
REPLY = f"""\
--- /etc/kairos-release
KAIROS_VERSION="v1.2.3"
KAIROS_NAME="debian-node"

--- /etc/imagekit/oci-image
registry.example/prod/node@{DIGEST}

--- /proc/sys/kernel/random/boot_id
9b1c

--- /etc/machine-id
ffee

--- /proc/uptime
3600.55 7000.10

--- /run/cos
active_mode
"""


def node(name: str, **fields: Any) -> dict[str, Any]:
    """A Node object as an API server has it."""
    metadata = {"name": name, "annotations": {}, "labels": {}, **fields}
    info = {"bootID": "9b1c", "machineID": "ffee", "osImage": "Debian 13"}
    return {"metadata": metadata, "status": {"nodeInfo": info}}


class FakeApi:
    """Answers pages, one after another."""

    server = "https://api.example:6443"

    def __init__(self, *pages: object) -> None:
        self.pages, self.asked = list(pages), list[Mapping[str, str]]()

    def get(self, path: str, **query: str) -> object:
        assert path == "/api/v1/nodes"
        self.asked.append(query)
        return self.pages.pop(0)


def asked(*pages: object) -> list[Observation]:
    """What a cluster with these pages says."""
    return list(observe_cluster(FakeApi(*pages), at=5, observer="me@here"))  # type: ignore[arg-type]


def test_node_objects() -> None:
    one = node("w1", annotations={"imagekit.dev/oci-image": f"host/node@{DIGEST}"})
    two = node("w2", labels={"kairos.io/version": "v1", "kairos.io/boot-state": "passive_boot"})
    found = asked({"items": [one], "metadata": {"continue": "next"}}, {"items": [two], "metadata": {}})
    assert [(each.node, each.digest, each.version, each.mode) for each in found] == [
        ("w1", DIGEST, "", ""),
        ("w2", "", "v1", "passive_boot"),
    ]
    assert (found[0].boot, found[0].machine, found[0].at) == ("9b1c", "ffee", 5)


@pytest.mark.attack
@pytest.mark.parametrize(
    "item",
    [
        node("w1", annotations={"imagekit.dev/oci-image": "host/node:latest"}),
        node("w1", annotations={"imagekit.dev/oci-image": f"{DIGEST} sha256:{'b' * 64}"}),
        node("w1", annotations=None, labels=["x"]),
        {"metadata": {"name": "w1"}},
        {"metadata": {"name": "w1"}, "status": "up"},
    ],
)
def test_a_node_that_says_nothing_of_its_image_is_seen_all_the_same(item: dict[str, Any]) -> None:
    [found] = asked({"items": [item]})
    assert (found.digest, found.version) == ("", "")


@pytest.mark.attack
def test_what_a_node_says_is_cleaned_and_bounded() -> None:
    [found] = asked({"items": [node("w1", labels={"kairos.io/version": "v1\x1b[31m" + "x" * 5000})]})
    assert "\x1b" not in found.version
    assert len(found.version) <= 200


@pytest.mark.parametrize("page", ["", None, [], {"kind": "Status"}, {"items": "none"}])
def test_what_is_no_list_of_nodes(page: object) -> None:
    with pytest.raises(ToolError, match="list of nodes"):
        asked(page)


def test_a_list_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagekit.observe.kubernetes._MOST_PAGES", 3)
    with pytest.raises(ToolError, match="without an end"):
        asked(*[{"items": [], "metadata": {"continue": "x"}}] * 4)


def test_a_node_by_ssh() -> None:
    found = observation_of(REPLY, Place("w1", "10.0.0.1"), at=10_000, observer="me@here")
    assert (found.digest, found.version, found.boot, found.machine) == (DIGEST, "v1.2.3", "9b1c", "ffee")
    assert (found.booted, found.mode, found.system) == (10_000 - 3600, "active", "debian-node")


@pytest.mark.attack
@pytest.mark.parametrize(
    "text",
    ["", "garbage", "--- /proc/uptime\n-5\n", "--- /proc/uptime\n99999999999999999\n", "--- /etc/kairos-release\n="],
)
def test_an_answer_that_says_nothing(text: str) -> None:
    found = observation_of(text, Place("w1", "10.0.0.1"), at=10_000, observer="me@here")
    assert (found.digest, found.version, found.booted) == ("", "", 0)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("w1=10.0.0.1", Place("w1", "10.0.0.1")),
        ("w1=node.example:2222", Place("w1", "node.example", 2222)),
        ("w1=[fd00::1]:2222", Place("w1", "fd00::1", 2222)),
        ("w1=fd00::1", Place("w1", "fd00::1")),
    ],
)
def test_where_a_node_is(text: str, place: Place) -> None:
    assert place_of(text) == place


@pytest.mark.attack
@pytest.mark.parametrize(
    "text", ["", "w1", "=x", "w1=", "w1=-oProxyCommand=x", "w1=h:0", "w1=h:x", "w1=h:99999", "w1=a b"]
)
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(ConfigError, match="NODE=HOST"):
        place_of(text)


def saw(at: int, version: str, boot: str = "", **fields: Any) -> Observation:
    """A made-up observation."""
    return Observation(
        node="w1", at=at, source=Source.SSH, where="h:22", observer="me", version=version, boot=boot, **fields
    )


def test_two_observations_of_one_boot_cover_what_is_between() -> None:
    found = spans([saw(100, "v1", "a"), saw(500, "v1", "a"), saw(900, "v2", "b", booted=600)])
    assert [(each.begin, each.end, each.version, each.count) for each in found] == [
        (100, 501, "v1", 2),
        (600, 901, "v2", 1),
    ]


def test_without_a_boot_id_an_observation_lasts_a_second() -> None:
    assert [(each.begin, each.end) for each in spans([saw(100, "v1"), saw(500, "v1")])] == [(100, 101), (500, 501)]


def test_a_boot_does_not_reach_back_over_another_one() -> None:
    found = spans([saw(100, "v1", "a"), saw(200, "v2", "b", booted=50)])
    assert [(each.begin, each.end) for each in found] == [(100, 101), (101, 201)]


def test_one_boot_that_says_two_things_is_two_spans() -> None:
    found = spans([saw(100, "v1", "a"), saw(200, "v2", "a"), saw(300, "v1", "a")])
    assert [(each.begin, each.end, each.version) for each in found] == [
        (100, 101, "v1"),
        (200, 201, "v2"),
        (300, 301, "v1"),
    ]


def test_a_boot_in_the_future_is_now() -> None:
    assert [(each.begin, each.end) for each in spans([saw(100, "v1", "a", booted=900)])] == [(100, 101)]


def test_another_machine_id_is_another_installation() -> None:
    seen = [saw(1, "v1", machine="a"), saw(2, "v1"), saw(3, "v1", machine="b"), saw(4, "v1", machine="b")]
    assert [(before.at, after.at) for before, after in reinstalled(seen)] == [(1, 3)]


def test_the_question_is_answered_by_any_system() -> None:
    """Also where nothing of Kairos is: what is missing is left out, and the shell ends well."""
    done = run(["sh", "-c", ASK], timeout=30)
    found = observation_of(done.stdout, Place("w1", "10.0.0.1"), at=10**10, observer="me@here")
    assert found.boot
    assert found.booted


def test_a_node_that_does_not_answer_is_silent(tmp_path: Path) -> None:
    login = Login(user="kairos", key=tmp_path / "key", known_hosts=tmp_path / "known")
    login.key.write_text("no key\n")
    login.known_hosts.touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers there
        places = [Place("w1", "127.0.0.1", taken.getsockname()[1])]
        [found] = observe_nodes(places, login, at=1, observer="me@here")
    assert isinstance(found, Silent)
    assert "refused" in found.reason


def test_known_host_keys_have_to_be_there(tmp_path: Path) -> None:
    login = Login(user="kairos", key=tmp_path / "key", known_hosts=tmp_path / "known")
    with pytest.raises(ConfigError, match="no file of key"):
        list(observe_nodes([Place("w1", "127.0.0.1")], login, at=1, observer="me@here"))
