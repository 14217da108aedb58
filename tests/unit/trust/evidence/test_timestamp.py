"""Moments: RFC 3339 and years that clocks show; anything else is unreadable, never an error."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagekit.oci.reference import Digest
from imagekit.trust.evidence.statement import SIGNED_ANNOTATION, signature_statement
from imagekit.trust.evidence.timestamp import read_timestamp
from imagekit.trust.sign.trust import day

EXPECTED = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["2026-11-22T12:00:00Z", "2026-11-22T13:00:00+01:00", "2026-11-22T12:00:00.000000+00:00", "2026-11-22 12:00Z"],
)
def test_forms_that_are_written_here_are_read(text: str) -> None:
    assert read_timestamp(text) == EXPECTED


@pytest.mark.attack
@pytest.mark.parametrize(
    "text",
    [
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
        "2026-11-22T12:00:00",
        "2026-W47-7T12:00:00Z",
        "20261122T120000Z",
        "2026-11-22T12:00:00+24:00",
        "2026-13-22T12:00:00Z",
        "2026-11-22T25:00:00Z",
        "\u0662\u0660\u0662\u0666-11-22T12:00:00Z",
        "2026-11-22T12:00:00Z\n",
        "3026-11-22T12:00:00Z",
        "",
        None,
        20261122,
        {"at": 1},
    ],
)
def test_odd_dates_are_unreadable(text: object) -> None:
    """D15."""
    assert read_timestamp(text) is None
    if isinstance(text, str):
        assert signature_statement(Digest.of(b"x"), {SIGNED_ANNOTATION: text}).signed_at is None


@given(st.text() | st.datetimes(timezones=st.timezones()).map(datetime.isoformat))
def test_any_text_gives_an_answer(text: str) -> None:
    found = read_timestamp(text)
    assert found is None or (found.tzinfo is UTC and day(found))
