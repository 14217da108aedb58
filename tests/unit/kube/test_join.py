"""What an administrator is told of a token: by the Secret that the cluster has of it, or has not."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from imagekit.config.jointoken import Fault, read_join_token
from imagekit.kube.client import Api
from imagekit.kube.join import registered
from tests.support.jointokens import SECRET, join_token

NOW = datetime(2026, 11, 28, 22, 50, tzinfo=UTC)
GOOD = {
    "token-id": "abcdef",
    "token-secret": SECRET,
    "expiration": "2026-11-29T22:50:00Z",
    "usage-bootstrap-authentication": "true",
}


class Cluster:
    """An API server that knows one Secret."""

    def __init__(self, data: dict[str, str] | None) -> None:
        self.data = data

    def find(self, version: str, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        assert (version, kind, namespace, name) == ("v1", "Secret", "kube-system", "bootstrap-token-abcdef")
        if self.data is None:
            return None
        return {"data": {key: base64.b64encode(value.encode()).decode() for key, value in self.data.items()}}


def faults(data: dict[str, str] | None, *, now: datetime = NOW, user: str = "kubelet-bootstrap") -> list[Fault]:
    found = registered(read_join_token(join_token(user=user)), cast("Api", Cluster(data)), now=now)
    assert all(SECRET not in each.text + each.hint for each in found)
    return [each.fault for each in found]


@pytest.mark.parametrize("until", ["2026-11-29T22:50:00Z", "2026-11-29T22:50:00+00:00", "2026-11-28T22:50:01", "", "x"])
def test_a_token_that_the_cluster_takes(until: str) -> None:
    assert faults({**GOOD, "expiration": until}) == []


def test_a_token_without_an_end_is_taken() -> None:
    assert faults({key: value for key, value in GOOD.items() if key != "expiration"}) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"expiration": "2026-11-28T22:49:59Z"}, Fault.EXPIRED),
        ({"expiration": "2026-11-28T23:50:00+02:00"}, Fault.EXPIRED),
        ({"token-secret": "ffffffffffffffff"}, Fault.NOT_ADMITTED),
        ({"usage-bootstrap-authentication": "false"}, Fault.WRONG_ROLE),
    ],
)
def test_what_the_cluster_would_not_take_is_named(changes: dict[str, str], fault: Fault) -> None:
    assert faults({**GOOD, **changes}) == [fault]


def test_a_token_of_which_the_cluster_knows_nothing() -> None:
    assert faults(None) == [Fault.EXPIRED]


def test_a_controllers_token_needs_no_authentication_as_a_node() -> None:
    assert faults({**GOOD, "usage-bootstrap-authentication": "false"}, user="controller-bootstrap") == []


def test_the_day_of_the_end_is_the_end() -> None:
    until = datetime.fromisoformat(GOOD["expiration"])
    assert faults(GOOD, now=until - timedelta(seconds=1)) == []
    assert faults(GOOD, now=until) == [Fault.EXPIRED]
