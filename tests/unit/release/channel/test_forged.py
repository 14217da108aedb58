"""Records that imagekit would not make: by hand with a good key, and by keys that do not count while all is broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.transfer import copy_image
from imagekit.release.channel.context import ReleaseContext
from imagekit.release.channel.history import replay
from imagekit.release.channel.model import ChannelFile, channel_path, to_yaml
from imagekit.release.channel.promote import promote
from imagekit.release.channel.rollback import rollback
from imagekit.release.channel.yank import yank
from imagekit.release.ledger.judge import TrustJudge
from imagekit.release.ledger.record import Action, LedgerError
from imagekit.trust.sign.native import NativeSigner, public_key_pem
from imagekit.trust.sign.trust import TrustStore, trust_one
from imagekit.trust.sign.trustfile import Purpose, TrustedKey
from tests.support.images import fixed_key, key
from tests.support.project import commit, git
from tests.support.releasefixture import IMAGE, ReleaseFixture
from tests.unit.release.channel.conftest import Publish

pytestmark = pytest.mark.attack
DATE = "2026-11-22T12:00:00+00:00"


@pytest.fixture
def work(fixture: ReleaseFixture) -> Path:
    return fixture.root / "work"


def keys() -> TrustStore:
    """The fixture's own key promotes; one was stolen and revoked, one is for building alone."""
    ours = {"id": "ours", "pem": public_key_pem(fixed_key().public_key()).decode(), "purposes": (Purpose.PROMOTE,)}
    thief = {"id": "thief", "pem": public_key_pem(key("eve").public_key()).decode(), "purposes": (Purpose.PROMOTE,)}
    builder = {"id": "builder", "pem": public_key_pem(key("bob").public_key()).decode(), "purposes": (Purpose.BUILD,)}
    made = [TrustedKey.model_validate(each) for each in (ours, {**thief, "revoked": "stolen"}, builder)]
    stores = [trust_one(str(each.pem).encode(), each.id, key=each) for each in made]
    return TrustStore([holder for store in stores for holder in store.holders])


def context_of(fixture: ReleaseFixture, by: str = "") -> ReleaseContext:
    context = replace(fixture.context(), judge=TrustJudge(keys()))
    return replace(context, signer=NativeSigner(key(by))) if by else context


def forge(
    fixture: ReleaseFixture, by: str, action: Action, digest: Digest, *, image: str = IMAGE, channel: str = "prod"
) -> None:
    """A record by that test key, committed without a look at anything."""
    context = context_of(fixture, by)
    target = Reference(fixture.simulator.address, "imagekit/prod/node", None, digest)
    chain = context.store.claims(context.records)
    signed = context.record(chain, action, target, image=image, version="v9", channel=channel)
    (context.store.root / "ledger" / signed.record.file_name).write_bytes(signed.data)
    commit(context.store.root, "forged", DATE)


def test_a_withdrawn_digest_in_a_channel_is_named_whoever_signed_it(
    fixture: ReleaseFixture, publish: Publish, work: Path
) -> None:
    """A promoter's own tool can write record and channel file; both agreed, so nobody was told."""
    one, two = publish("v1"), publish("v2")
    promote(fixture.context(), fixture.source(one), "prod", image=IMAGE)
    yank(fixture.context(), fixture.source(two), image=IMAGE, reason="leaks", homes=[])
    context = fixture.context()
    target = Reference(fixture.simulator.address, "imagekit/prod/node", None, two)
    signed = context.record(
        context.chain(), Action.PROMOTE, target, image=IMAGE, version="v2", channel="prod", before=one
    )
    context.write(signed, None, "by hand")
    claims = context.store.claims(context.records)
    file = context.channel("prod").model_copy(update={"images": replay(claims)["prod"]})
    (work / channel_path("prod")).write_bytes(to_yaml(ChannelFile.model_validate(file.model_dump())))
    commit(work, "by hand", DATE)
    with pytest.raises(LedgerError, match=r"record 3 \(promote by .*\) puts v2 into prod, which record 2 withdrew"):
        fixture.context().chain()


@pytest.mark.parametrize("by", ["eve", "bob"])
def test_an_emergency_goes_back_to_nothing_that_a_forged_record_names(
    fixture: ReleaseFixture, publish: Publish, by: str
) -> None:
    """By a revoked key, and by one that only builds: both break the ledger, and waited for the rollback."""
    one, two, evil, last = (publish(f"v{number}") for number in (1, 2, 3, 4))
    for digest in (one, two):
        promote(fixture.context(), fixture.source(digest), "prod", image=IMAGE)
    home = fixture.context().home("prod", IMAGE)
    with fixture.registry(fixture.simulator.address) as client:
        for digest in (evil, last):
            copy_image(fixture.source(digest), digest, home, client, client)
    forge(fixture, by, Action.PROMOTE, evil)
    forge(fixture, by, Action.PROMOTE, last)
    forge(fixture, by, Action.PROMOTE, last, image="other")
    with pytest.raises(LedgerError, match="does not count"):
        context_of(fixture).chain()
    moved = rollback(context_of(fixture), "prod", image=IMAGE, reason="what is this?")
    assert moved.pointer.digest == str(two)
    assert set(context_of(fixture).channel("prod").images) == {IMAGE}


@pytest.mark.parametrize("by", ["eve", "bob"])
def test_a_forged_yank_does_not_keep_the_real_one_out(
    fixture: ReleaseFixture, publish: Publish, work: Path, by: str
) -> None:
    """`yank` found it yanked already and wrote neither record nor file: no denial once it is repaired."""
    digest = publish("v1")
    promote(fixture.context(), fixture.source(digest), "prod", image=IMAGE)
    forge(fixture, by, Action.YANK, digest, channel="")
    done = yank(context_of(fixture), fixture.source(digest), image=IMAGE, reason="leaks", homes=[])
    assert done.signed is not None
    assert (work / "yanks" / f"{digest.hex}.json").exists()


REASONS = [
    "\U0001f600 gone",
    "\\ud83d\\ude00 as text",
    "two\u2028lines\x85\n\ttab",
    "\x7f\ufeff\ufffe",
    "a: 'b' \"c\" \\ # d",
]


@pytest.mark.parametrize("reason", REASONS)
def test_any_reason_can_be_read_again(fixture: ReleaseFixture, publish: Publish, reason: str) -> None:
    """One smiling face in the reason of a rollback, and every command of everybody refused the ledger."""
    for version in ("v1", "v2"):
        promote(fixture.context(), fixture.source(publish(version)), "dev", image=IMAGE)
    rollback(fixture.context(), "dev", image=IMAGE, reason=reason)
    fixture.context().chain()
    assert fixture.context().channel("dev").images[IMAGE].blocked[0].reason == reason


def test_a_reason_that_is_no_text_changes_nothing(fixture: ReleaseFixture, publish: Publish) -> None:
    source = fixture.source(publish("v1"))
    before = fixture.simulator.snapshot()
    with pytest.raises(ConfigError, match="no text in UTF-8"):
        promote(fixture.context(), source, "dev", image=IMAGE, reason="from a Latin-1 terminal: \udce4")
    assert fixture.simulator.snapshot() == before


def test_a_reason_writes_no_lines_of_its_own_into_the_pull_request(
    fixture: ReleaseFixture, publish: Publish, work: Path
) -> None:
    spoof = "ok\n\nRecord: ledger/999999.json\nGate:\n- tests: satisfied"
    promote(fixture.context(), fixture.source(publish("v1")), "dev", image=IMAGE, reason=spoof)
    lines = git(work, "log", "-1", "--format=%B").splitlines()
    assert [line for line in lines if line.startswith(("Record:", "Gate:"))] == ["Record: ledger/000001.json", "Gate:"]


@pytest.mark.parametrize("name", ["a_b", "a.b", "a/b", "A", "", "node\n", "../node", "n" * 64])
def test_an_image_that_no_channel_file_can_name_is_refused_first(
    fixture: ReleaseFixture, publish: Publish, name: str
) -> None:
    """It was copied and tagged, and ended in a traceback where the channel file was to be written."""
    source = fixture.source(publish("v1"))
    before = fixture.simulator.snapshot()
    with pytest.raises(ConfigError):
        promote(fixture.context(), source, "dev", image=name)
    assert fixture.simulator.snapshot() == before
