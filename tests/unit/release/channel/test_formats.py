"""The upgrade path: ledgers, channel files and evidence written on 2026-11-28 are read by the code of today."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.release.channel.context import ReleaseContext
from imagekit.release.channel.history import yanked
from imagekit.release.ledger.record import Action
from imagekit.release.ledger.store import LedgerStore
from imagekit.trust.evidence.decisions import YANK_TYPE, read_waiver, summarised_channel
from imagekit.trust.sign.trust import load_trust
from imagekit.trust.sign.trustfile import Purpose
from tests.support.formats import ADDRESS, V1, old_ledger
from tests.support.registry import RegistrySimulator
from tests.support.releasefixture import ReleaseFixture

EVIDENCE = sorted(path.stem for path in (V1 / "evidence").glob("*.json"))


@pytest.fixture
def context(tmp_path: Path) -> ReleaseContext:
    root = old_ledger(tmp_path / "work")
    context = ReleaseFixture(tmp_path, RegistrySimulator(address=ADDRESS)).context()
    return replace(context, store=LedgerStore(root), verifier=load_trust(root).verifier(Purpose.PROMOTE))


def test_a_ledger_of_then_is_read_and_agrees_with_its_channel_files(context: ReleaseContext) -> None:
    records = context.chain().records
    assert [item.action for item in records].count(Action.PROMOTE) == 6
    assert [item.sequence for item in records] == list(range(1, 10))
    assert {item.version for item in yanked(records).values()} == {"v3"}
    assert records[4].reason == 'nodes lose their disks: "v3"\nbadly'


def test_channel_files_of_then_are_read(context: ReleaseContext) -> None:
    dev, prod = context.channel("dev").images["node"], context.channel("prod").images["node"]
    assert (dev.version, dev.blocked, dev.record) == ("v2", (), 9)
    assert (prod.version, [blocked.version for blocked in prod.blocked], prod.record) == ("v2", ["v3"], 5)


@pytest.mark.parametrize("name", EVIDENCE)
def test_evidence_of_then_counts(context: ReleaseContext, name: str) -> None:
    reading = load_trust(context.store.root).read((V1 / "evidence" / f"{name}.json").read_bytes())
    assert reading.problem is None, reading.reason
    assert reading.statement is not None
    match name:
        case "waiver":
            assert read_waiver(reading.statement) is not None
        case "staging":
            assert (summarised_channel(reading.statement) or ("",))[0] == "staging"
        case "yank":
            assert reading.statement.predicate_type == YANK_TYPE


def test_every_kind_of_evidence_is_kept() -> None:
    assert len(EVIDENCE) == 10
