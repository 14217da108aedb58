"""Records that imagekit would not make: by hand with a good key, and by keys that do not count while all is broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.transfer import copy_image
from imagekit.release.channel.desk import Desk
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
from tests.support.desk import IMAGE, Office
from tests.support.images import fixed_key, key
from tests.support.project import commit, git
from tests.unit.release.channel.conftest import Publish

pytestmark = pytest.mark.attack
DATE = "2026-11-22T12:00:00+00:00"


@pytest.fixture
def work(office: Office) -> Path:
    return office.root / "work"


def keys() -> TrustStore:
    """The office's own key promotes; one was stolen and revoked, one is for building alone."""
    ours = {"id": "ours", "pem": public_key_pem(fixed_key().public_key()).decode(), "purposes": (Purpose.PROMOTE,)}
    thief = {"id": "thief", "pem": public_key_pem(key("eve").public_key()).decode(), "purposes": (Purpose.PROMOTE,)}
    builder = {"id": "builder", "pem": public_key_pem(key("bob").public_key()).decode(), "purposes": (Purpose.BUILD,)}
    made = [TrustedKey.model_validate(each) for each in (ours, {**thief, "revoked": "stolen"}, builder)]
    stores = [trust_one(str(each.pem).encode(), each.id, key=each) for each in made]
    return TrustStore([holder for store in stores for holder in store.holders])


def desk_of(office: Office, by: str = "") -> Desk:
    desk = replace(office.desk(), judge=TrustJudge(keys()))
    return replace(desk, signer=NativeSigner(key(by))) if by else desk


def forge(
    office: Office, by: str, action: Action, digest: Digest, *, image: str = IMAGE, channel: str = "prod"
) -> None:
    """A record by that test key, committed without a look at anything."""
    desk = desk_of(office, by)
    target = Reference(office.simulator.address, "imagekit/prod/node", None, digest)
    chain = desk.store.claims(desk.records)
    signed = desk.record(chain, action, target, image=image, version="v9", channel=channel)
    (desk.store.root / "ledger" / signed.record.file_name).write_bytes(signed.data)
    commit(desk.store.root, "forged", DATE)


def test_a_withdrawn_digest_in_a_channel_is_named_whoever_signed_it(
    office: Office, publish: Publish, work: Path
) -> None:
    """A promoter's own tool can write record and channel file; both agreed, so nobody was told."""
    one, two = publish("v1"), publish("v2")
    promote(office.desk(), office.source(one), "prod", image=IMAGE)
    yank(office.desk(), office.source(two), image=IMAGE, reason="leaks", homes=[])
    desk = office.desk()
    target = Reference(office.simulator.address, "imagekit/prod/node", None, two)
    signed = desk.record(desk.chain(), Action.PROMOTE, target, image=IMAGE, version="v2", channel="prod", before=one)
    desk.write(signed, None, "by hand")
    claims = desk.store.claims(desk.records)
    file = desk.channel("prod").model_copy(update={"images": replay(claims)["prod"]})
    (work / channel_path("prod")).write_bytes(to_yaml(ChannelFile.model_validate(file.model_dump())))
    commit(work, "by hand", DATE)
    with pytest.raises(LedgerError, match=r"record 3 \(promote by .*\) puts v2 into prod, which record 2 withdrew"):
        office.desk().chain()


@pytest.mark.parametrize("by", ["eve", "bob"])
def test_an_emergency_goes_back_to_nothing_that_a_forged_record_names(
    office: Office, publish: Publish, by: str
) -> None:
    """By a revoked key, and by one that only builds: both break the ledger, and waited for the rollback."""
    one, two, evil, last = (publish(f"v{number}") for number in (1, 2, 3, 4))
    for digest in (one, two):
        promote(office.desk(), office.source(digest), "prod", image=IMAGE)
    home = office.desk().home("prod", IMAGE)
    with office.registry(office.simulator.address) as client:
        for digest in (evil, last):
            copy_image(office.source(digest), digest, home, client, client)
    forge(office, by, Action.PROMOTE, evil)
    forge(office, by, Action.PROMOTE, last)
    forge(office, by, Action.PROMOTE, last, image="other")
    with pytest.raises(LedgerError, match="does not count"):
        desk_of(office).chain()
    moved = rollback(desk_of(office), "prod", image=IMAGE, reason="what is this?")
    assert moved.pointer.digest == str(two)
    assert set(desk_of(office).channel("prod").images) == {IMAGE}


@pytest.mark.parametrize("by", ["eve", "bob"])
def test_a_forged_yank_does_not_keep_the_real_one_out(office: Office, publish: Publish, work: Path, by: str) -> None:
    """`yank` found it yanked already and wrote neither record nor file: no denial once it is repaired."""
    digest = publish("v1")
    promote(office.desk(), office.source(digest), "prod", image=IMAGE)
    forge(office, by, Action.YANK, digest, channel="")
    done = yank(desk_of(office), office.source(digest), image=IMAGE, reason="leaks", homes=[])
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
def test_any_reason_can_be_read_again(office: Office, publish: Publish, reason: str) -> None:
    """One smiling face in the reason of a rollback, and every command of everybody refused the ledger."""
    for version in ("v1", "v2"):
        promote(office.desk(), office.source(publish(version)), "dev", image=IMAGE)
    rollback(office.desk(), "dev", image=IMAGE, reason=reason)
    office.desk().chain()
    assert office.desk().channel("dev").images[IMAGE].held[0].reason == reason


def test_a_reason_that_is_no_text_changes_nothing(office: Office, publish: Publish) -> None:
    source = office.source(publish("v1"))
    before = office.simulator.snapshot()
    with pytest.raises(ConfigError, match="no text in UTF-8"):
        promote(office.desk(), source, "dev", image=IMAGE, reason="from a Latin-1 terminal: \udce4")
    assert office.simulator.snapshot() == before


def test_a_reason_writes_no_lines_of_its_own_into_the_pull_request(
    office: Office, publish: Publish, work: Path
) -> None:
    spoof = "ok\n\nRecord: ledger/999999.json\nGate:\n- tests: satisfied"
    promote(office.desk(), office.source(publish("v1")), "dev", image=IMAGE, reason=spoof)
    lines = git(work, "log", "-1", "--format=%B").splitlines()
    assert [line for line in lines if line.startswith(("Record:", "Gate:"))] == ["Record: ledger/000001.json", "Gate:"]


@pytest.mark.parametrize("name", ["a_b", "a.b", "a/b", "A", "", "node\n", "../node", "n" * 64])
def test_an_image_that_no_channel_file_can_name_is_refused_first(office: Office, publish: Publish, name: str) -> None:
    """It was copied and tagged, and ended in a traceback where the channel file was to be written."""
    source = office.source(publish("v1"))
    before = office.simulator.snapshot()
    with pytest.raises(ConfigError):
        promote(office.desk(), source, "dev", image=name)
    assert office.simulator.snapshot() == before
