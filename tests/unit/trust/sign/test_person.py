"""One person under two spellings is one; two people are two."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagekit.trust.sign.person import distinct, is_named, same_person
from imagekit.trust.sign.trustfile import Purpose
from tests.support.release import trusted

ADA = "Ada L\u00f6velace <ada@bank.example>"


@pytest.mark.attack
@pytest.mark.parametrize(
    "other",
    [
        "ADA L\u00d6VELACE <ADA@BANK.EXAMPLE>",
        "  ada\u00a0l\u00f6velace\t <ada@bank.example> ",
        unicodedata.normalize("NFD", ADA),
        "\uff21\uff44\uff41 L\u00f6velace <\uff41da@bank.example>",
        "A\u200bda L\u00f6velace <ada@\u2060bank.example>",
        "\u202eAda L\u00f6velace\u202c <ada@bank.example>",
        "\u0410d\u0430 L\u00f6velace <\u0430da@bank.example>",
        "\u0391da <ada@bank.\u0435xample>",
        "A. Lovelace <ada@bank.example>",
        "Ada L\u00f6velace",
        "Ada Lovelace",
        "Ada L\u00f6v\ufe0felace",
        "ada@bank.example",
        "Ada (ada@bank.example)",
        "Ada <ada@bank.example >",
        "Ada <mailto:ada@bank.example>",
        "Ada <ada@bank.example.>",
        "Ada <ada@bank.example> <ada@home.example>",
        "AdaLovelace",
        "Ada_Lovelace.",
    ],
)
def test_spellings_of_one_person(other: str) -> None:
    """D24."""
    assert same_person(ADA, other)
    assert len(distinct([ADA, other])) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ADA, "Bob <bob@bank.example>"),
        ("John Smith <j1@bank.example>", "John Smith <j2@bank.example>"),
        ("Ada", "Ida"),
        ("\u674e\u6668 <a@bank.example>", "\u674e\u6668 <b@bank.example>"),
    ],
)
def test_two_people(one: str, other: str) -> None:
    assert not same_person(one, other)
    assert len(distinct([one, other])) == 2


def test_a_name_without_an_address_is_whoever_has_that_name() -> None:
    assert distinct(["Ada <a@x.example>", "Ada <b@x.example>", "Ada"]) == ["Ada"]


@given(st.text())
def test_a_person_is_himself_in_any_form(text: str) -> None:
    assert same_person(text, text)
    assert same_person(text, unicodedata.normalize("NFC", text))
    assert same_person(text, f" {text}\u200b")


def test_a_person_whom_nobody_sees_is_none() -> None:
    assert not is_named("\u200b \u3164")
    with pytest.raises(ValueError, match="no letter that anybody sees"):
        trusted("ada", Purpose.APPROVE, person="\u200b\u2060")
