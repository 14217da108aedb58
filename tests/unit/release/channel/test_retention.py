"""Retention removes nothing that anything needs, and nothing that is not recorded."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagekit.base.errors import ToolError
from imagekit.oci.reference import Digest, Reference
from imagekit.release.channel.needs import needed
from imagekit.release.channel.promote import promote
from imagekit.release.channel.retention import Fate, Standing, Version, plan_retention
from imagekit.release.channel.retire import retire
from imagekit.release.channel.table import table, versions
from imagekit.release.ledger.record import Action
from tests.support.releasefixture import IMAGE, ReleaseFixture
from tests.unit.release.channel.conftest import Publish

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def version(number: int, *, day: int | None = None, accepted: bool = True) -> Version:
    return Version(
        reference=Reference("host", "imagekit/node", f"v{number}"),
        digest=Digest.of(b"%d" % number),
        created=BEGIN + timedelta(days=number if day is None else day),
        standing=Standing.ACCEPTED if accepted else Standing.UNPROVEN,
    )


def kept(found: list[Version], *, last: int = 2, pointed: list[Version] = [], pinned: list[Version] = []) -> list[str]:  # noqa: B006
    needs = {item.digest: ["named by channel prod"] for item in pointed if item.digest}
    needs |= {item.digest: ["run by node-1"] for item in pinned if item.digest}
    fates = plan_retention(found, last=last, needed=needs)
    return [str(fate.version.reference.tag) for fate in fates if fate.keep]


def test_the_last_good_ones_stay_and_unproven_ones_do_not_count_and_stay() -> None:
    """D36: what nobody vouches for today was "not good", and therefore removed."""
    found = [version(1), version(2), version(3, accepted=False), version(4), version(0, accepted=False)]
    assert kept(found) == ["v4", "v3", "v2", "v0"]


def test_many_tags_of_one_digest_count_once() -> None:
    """D36, variant: a pusher tags the newest version three times, so that it alone is the last three good ones."""
    found = [version(number) for number in range(1, 6)]
    more = [replace(found[-1], reference=found[-1].reference.tagged(f"x{number}")) for number in range(5)]
    assert set(kept([*found, *more], last=3)) >= {"v5", "v4", "v3"}
    strange = [replace(each, standing=Standing.FOREIGN_TAG) for each in more]
    assert set(kept([*found, *strange], last=3)) >= {"v5", "v4", "v3"}


def test_what_somebody_tagged_besides_stays() -> None:
    found = [version(number) for number in range(1, 6)]
    besides = replace(found[0], reference=found[0].reference.tagged("lts"), standing=Standing.FOREIGN_TAG)
    assert kept([*found, besides], last=1) == ["v5", "lts", "v1"]


def test_a_withdrawn_version_goes_unless_it_is_needed() -> None:
    withdrawn = [replace(version(number), standing=Standing.DENIED) for number in (1, 2)]
    assert kept([*withdrawn, version(3)], last=3, pointed=[withdrawn[0]]) == ["v3", "v1"]


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
    found = [version(number, day=day, accepted=accepted) for number, (day, accepted) in enumerate(drawn)]
    names = kept(
        found,
        last=last,
        pointed=[item for number, item in enumerate(found) if number in pointed],
        pinned=[item for number, item in enumerate(found) if number in pinned],
    )
    for number in (pointed | pinned) & set(range(len(found))):
        assert f"v{number}" in names
    accepted = [item for item in found if item.accepted]
    assert sum(1 for item in accepted if str(item.reference.tag) in names) >= min(last, len(accepted))


def test_what_goes_is_recorded_and_gone_with_its_evidence(fixture: ReleaseFixture, publish: Publish) -> None:
    digests = [publish(f"v{number}") for number in range(1, 4)]
    promote(fixture.context(), fixture.source(digests[0]), "dev", image=IMAGE)
    context = fixture.context()
    homes = [fixture.source(digests[0]).tagged("x"), context.home("dev", IMAGE)]
    plan = plan_retention(versions(context, homes), last=1, needed=needed(context, context.chain()))
    assert sorted(str(item.version.reference.tag) for item in plan if not item.keep) == ["v2"]
    reported: list[Fate] = []
    gone = retire(fixture.context(), IMAGE, homes, last=1, tell=reported.append)
    assert [item.version.digest for item in gone] == [digests[1]]
    assert set(reported) == set(plan)
    assert str(digests[1]) not in fixture.simulator.manifests["imagekit/node"]
    assert fixture.context().chain().records[-1].action is Action.RETIRE
    rows = table(fixture.context(), IMAGE, homes, {})
    assert [(row.version, row.channels, row.evidence) for row in rows] == [
        ("v3", (), "accepted"),
        ("v1", ("dev",), "accepted"),
    ]


def test_a_registry_that_does_not_delete_is_said_so(fixture: ReleaseFixture, publish: Publish) -> None:
    publish("v1")
    publish("v2")
    fixture.simulator.deletes = False
    home = fixture.source(publish("v3"))
    with pytest.raises(ToolError, match="does not delete"):
        retire(fixture.context(), IMAGE, [home.tagged("x")], last=1)
