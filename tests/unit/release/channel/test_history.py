"""Replaying the ledger tells where every channel stood at any moment."""

from __future__ import annotations

from datetime import timedelta

import pytest

from imagekit.release.channel.history import require_agreement, standing, until
from imagekit.release.channel.model import ChannelFile
from imagekit.release.channel.promote import promote
from imagekit.release.channel.rollback import rollback
from imagekit.release.ledger.chain import Chain
from imagekit.release.ledger.record import LedgerError
from tests.support.releasefixture import IMAGE, NOW, ReleaseFixture
from tests.unit.release.channel.conftest import Publish


def test_every_moment_has_its_answer(fixture: ReleaseFixture, publish: Publish) -> None:
    for version in ("v1", "v2"):
        promote(fixture.context(), fixture.source(publish(version)), "prod", image=IMAGE)
    rollback(fixture.context(), "prod", image=IMAGE, reason="bad")
    records = fixture.context().chain().records
    reported = []
    for minute in range(5):
        moment = until(records, NOW + timedelta(minutes=minute))
        assert moment.sure == moment.perhaps
        at = standing(moment.sure).get(("prod", IMAGE))
        reported.append(at.version if at else "")
    assert reported == ["", "v1", "v2", "v1", "v1"]
    assert standing(records)["prod", IMAGE].version == "v1"


@pytest.mark.attack
def test_an_old_channel_file_offered_as_the_new_one_is_seen(fixture: ReleaseFixture, publish: Publish) -> None:
    """A rollback by hand: the file is whole and was right once, the ledger says that it is not any more."""
    promote(fixture.context(), fixture.source(publish("v1")), "prod", image=IMAGE)
    old = fixture.context().channel("prod")
    promote(fixture.context(), fixture.source(publish("v2")), "prod", image=IMAGE)
    with pytest.raises(LedgerError, match="goes on to 2"):
        require_agreement(fixture.context().chain(), [old])


@pytest.mark.attack
def test_a_file_without_a_record_and_a_record_without_a_file_are_seen(
    fixture: ReleaseFixture, publish: Publish
) -> None:
    promote(fixture.context(), fixture.source(publish("v1")), "prod", image=IMAGE)
    chain, file = fixture.context().chain(), fixture.context().channel("prod")
    require_agreement(chain, [file])
    with pytest.raises(LedgerError, match="ledger ends at 0"):
        require_agreement(Chain(()), [file])
    with pytest.raises(LedgerError, match="does not name node"):
        require_agreement(chain, [ChannelFile(channel="prod")])
