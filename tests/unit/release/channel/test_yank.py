"""Yanking: recorded, attached wherever the digest is, honoured by every later step."""

from __future__ import annotations

import pytest

from imagekit.base.errors import ConfigError
from imagekit.registry.errors import MissingObjectError
from imagekit.release.channel.errors import MoveRefusedError
from imagekit.release.channel.promote import promote
from imagekit.release.channel.yank import yank
from imagekit.trust.evidence.decisions import YANK_TYPE
from imagekit.trust.proof import read_proof
from imagekit.trust.sign.native import NativeVerifier
from tests.support.images import fixed_key
from tests.support.project import git
from tests.support.releasefixture import IMAGE, ReleaseFixture
from tests.unit.release.channel.conftest import Publish

pytestmark = pytest.mark.attack


def test_a_denial_is_attached_everywhere_and_pointing_channels_are_named(
    fixture: ReleaseFixture, publish: Publish
) -> None:
    digest = publish("v1")
    promote(fixture.context(), fixture.source(digest), "dev", image=IMAGE)
    context = fixture.context()
    homes = [context.home("dev", IMAGE), context.home("prod", IMAGE)]
    done = yank(context, fixture.source(digest), image=IMAGE, reason="leaks memory", homes=homes)
    address = fixture.simulator.address
    assert set(done.attached) == {f"{address}/imagekit/dev/node", f"{address}/imagekit/node"}
    assert [name for name, _ in done.pointing] == ["dev"]
    for repository in ("imagekit/dev/node", "imagekit/node"):
        with fixture.registry(address) as client:
            [denial] = read_proof(client, repository, digest, NativeVerifier(fixed_key().public_key())).of_type(
                YANK_TYPE
            )
        assert denial.predicate["reason"] == "leaks memory"
    with pytest.raises(MoveRefusedError, match=r"yanked by ann@example\.org"):
        promote(fixture.context(), fixture.source(digest), "prod", image=IMAGE)


def test_the_denial_is_a_file_in_the_commit_of_its_record(fixture: ReleaseFixture, publish: Publish) -> None:
    """What the registry loses, git keeps: the very bundle that is attached."""
    digest = publish("v1")
    done = yank(fixture.context(), fixture.source(digest), image=IMAGE, reason="leaks memory", homes=[])
    work = fixture.root / "work"
    written = git(work, "show", "--name-only", "--format=", done.commit).split()
    assert sorted(written) == [
        f"ledger/{done.signed.record.file_name}" if done.signed else "",
        f"yanks/{digest.hex}.json",
    ]
    said = NativeVerifier(fixed_key().public_key()).verify((work / "yanks" / f"{digest.hex}.json").read_bytes())
    assert (said.subject, said.predicate["reason"]) == (digest, "leaks memory")


def test_again_it_adds_nothing_but_reaches_new_places(fixture: ReleaseFixture, publish: Publish) -> None:
    digest = publish("v1")
    yank(fixture.context(), fixture.source(digest), image=IMAGE, reason="leaks", homes=[])
    before = fixture.simulator.snapshot()
    again = yank(fixture.context(), fixture.source(digest), image=IMAGE, reason="leaks", homes=[])
    assert again.signed is None
    assert fixture.simulator.snapshot() == before
    assert len(fixture.context().chain().records) == 1


def test_a_denial_is_attached_under_the_lock_of_the_repository(fixture: ReleaseFixture, publish: Publish) -> None:
    """The list of evidence is one tag on a plain registry: of two who write it at once one would be lost."""
    digest = publish("v1")
    fixture.simulator.requests.clear()
    yank(fixture.context(), fixture.source(digest), image=IMAGE, reason="leaks", homes=[])
    writes = [each for each in fixture.simulator.requests if each.startswith("PUT") and "/manifests/" in each]
    claim, listed = (
        next(n for n, each in enumerate(writes) if mark in each) for mark in ("imagekit-claim-", "sha256-")
    )
    assert claim < listed, writes


def test_a_reason_and_a_digest_are_needed(fixture: ReleaseFixture, publish: Publish) -> None:
    digest = publish("v1")
    with pytest.raises(ConfigError, match="needs a reason"):
        yank(fixture.context(), fixture.source(digest), image=IMAGE, reason="", homes=[])
    with pytest.raises(MissingObjectError):
        yank(fixture.context(), fixture.source(digest).tagged("v7"), image=IMAGE, reason="x", homes=[])
