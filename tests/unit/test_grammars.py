"""That jsonschema still judges IRIs, though their grammar comes late."""

from __future__ import annotations

import sys

import jsonschema
import pytest


@pytest.mark.parametrize("form", ["iri", "iri-reference"])
def test_an_iri_is_judged(form: str) -> None:
    if "rfc3987_syntax" not in sys.modules:
        pytest.skip("the grammar is not installed")
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    assert checker.conforms("https://example.org/ä", form)
    assert not checker.conforms("https://exa mple.org/", form)
