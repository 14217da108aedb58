"""Retention removes nothing that anything needs, and nothing that is not recorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagekit.base.errors import ToolError
from imagekit.oci.reference import Digest, Reference
from imagekit.release.channel.promote import promote
from imagekit.release.channel.retention import Version, plan_retention
from imagekit.release.channel.retire import retire
from imagekit.release.channel.table import table, versions
from imagekit.release.ledger.record import Action
from tests.support.desk import IMAGE, Office
from tests.unit.release.channel.conftest import Publish

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def version(number: int, *, day: int | None = None, good: bool = True) -> Version:
    return Version(
        reference=Reference("host", "imagekit/node", f"v{number}"),
        digest=Digest.of(b"%d" % number),
        created=BEGIN + timedelta(days=number if day is None else day),
        good=good,
    )


def kept(found: list[Version], *, last: int = 2, pointed: list[Version] = [], pinned: list[Version] = []) -> list[str]:  # noqa: B006
    fates = plan_retention(
        found,
        last=last,
        pointed={item.digest: ["prod"] for item in pointed},
        pinned={item.digest: ["node-1"] for item in pinned},
    )
    return [str(fate.version.reference.tag) for fate in fates if fate.keep]


def test_the_last_good_ones_stay_and_bad_ones_do_not_count() -> None:
    found = [version(1), version(2), version(3, good=False), version(4)]
    assert kept(found) == ["v4", "v2"]


def test_of_equally_old_ones_all_stay() -> None:
    assert kept([version(1, day=1), version(2, day=1), version(3, day=2)]) == ["v3", "v1", "v2"]


def test_what_a_channel_or_a_node_names_stays() -> None:
    found = [version(number) for number in range(1, 6)]
    assert kept(found, last=1, pointed=[found[0]], pinned=[found[1]]) == ["v5", "v2", "v1"]


@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=20),
    st.integers(1, 5),
    st.sets(st.integers(0, 19)),
    st.sets(st.integers(0, 19)),
)
def test_nothing_named_is_ever_removed(
    drawn: list[tuple[int, bool]], last: int, pointed: set[int], pinned: set[int]
) -> None:
    found = [version(number, day=day, good=good) for number, (day, good) in enumerate(drawn)]
    names = kept(
        found,
        last=last,
        pointed=[item for number, item in enumerate(found) if number in pointed],
        pinned=[item for number, item in enumerate(found) if number in pinned],
    )
    for number in (pointed | pinned) & set(range(len(found))):
        assert f"v{number}" in names
    good = [item for item in found if item.good]
    assert sum(1 for item in good if str(item.reference.tag) in names) >= min(last, len(good))


def test_what_goes_is_recorded_and_gone_with_its_evidence(office: Office, publish: Publish) -> None:
    digests = [publish(f"v{number}") for number in range(1, 4)]
    promote(office.desk(), office.source(digests[0]), "dev", image=IMAGE)
    desk = office.desk()
    home = office.source(digests[0])
    found = versions(desk, [home, desk.home("dev", IMAGE)])
    fates = plan_retention(found, last=1, pointed={digests[0]: ["dev"]}, pinned={})
    assert sorted(str(item.version.reference.tag) for item in fates if not item.keep) == ["v2"]
    gone = retire(office.desk(), IMAGE, fates)
    assert [item.version.digest for item in gone] == [digests[1]]
    assert "v2" not in office.simulator.user_tags("imagekit/node")
    assert office.desk().chain().records[-1].action is Action.RETIRE
    rows = table(office.desk(), IMAGE, [home, desk.home("dev", IMAGE)], {})
    assert [(row.version, row.channels, row.evidence) for row in rows] == [("v3", (), "good"), ("v1", ("dev",), "good")]


def test_a_registry_that_does_not_delete_is_said_so(office: Office, publish: Publish) -> None:
    publish("v1")
    publish("v2")
    office.simulator.deletes = False
    desk = office.desk()
    fates = plan_retention(versions(desk, [office.source(publish("v3"))]), last=1, pointed={}, pinned={})
    with pytest.raises(ToolError, match="does not delete"):
        retire(office.desk(), IMAGE, fates)
