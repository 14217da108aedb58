"""One reader of foreign JSON: what two readers may take differently is refused (D16, D17)."""

from __future__ import annotations

import json

import pytest

from imagekit.base.errors import RefusedError
from imagekit.base.strictjson import DEPTH, ForeignJsonError, read_json, read_object

FIELDS = ("layers", "config", "mediaType")


def test_an_ordinary_document_is_read() -> None:
    document = {"a": [1, -2, 3.5, True, None, "ü€😀"], "b": {"c": {}}}
    assert read_json(json.dumps(document).encode(), "x") == document
    assert read_json(json.dumps(document, ensure_ascii=False).encode(), "x") == document


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"layers": [], "layers": [1]}', "'layers' stands twice"),
        (b'{"layers": [], "lay\\u0065rs": [1]}', "'layers' stands twice"),
        (b'{"x": [{"y": {"z": 1, "z": 1}}]}', "'z' stands twice"),
        (b'{"annotations": {"a": "1", "a": "2"}}', "'a' stands twice"),
        (b'{"layers": [], "Layers": [1]}', "by letter case alone"),
        (b'{"Layers": [1]}', "'Layers' differs from 'layers'"),
        (b'{"layer\xc5\xbf": [1]}', "by letter case alone"),  # U+017F, which Go folds to s
        (b'{"x": {"MediaType": 1}}', "by letter case alone"),
        (b'{"unknown": 1, "Unknown": 2}', "by letter case alone"),
        (b'{"x": NaN}', "NaN"),
        (b'{"x": -Infinity}', "Infinity"),
        (b'{"x": 1e999}', "out of range"),
        (b'{"x": 18446744073709551616}', "out of range"),
        (b'{"x": ' + b"9" * 100_000 + b"}", "out of range"),
        (b'{"x": "\\ud800"}', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (b'\xef\xbb\xbf{"x": 1}', "not valid JSON"),
        ('{"x": 1}'.encode("utf-16"), "not UTF-8"),
        ('{"x": 1}'.encode("utf-16-le"), "not valid JSON"),
        ('{"x": 1}'.encode("utf-32-be"), "not valid JSON"),
        (b'{"x": "\xe9"}', "not UTF-8"),
        (b'{"x": "\xed\xa0\x80"}', "not UTF-8"),  # a surrogate written as UTF-8
        (b'{"x": 1} {"x": 2}', "not valid JSON"),
        (b'{"x": 1}\x00', "not valid JSON"),
        (b'{"x": "a\nb"}', "not valid JSON"),
        (b"", "not valid JSON"),
        (b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1), "nested deeper"),
        (b"[" * 200_000, "nested deeper"),
        (b'"' + b"x" * (4 << 20) + b'"', "more than 4194304 bytes"),
    ],
    ids=lambda value: ascii(value[:40]),
)
def test_what_readers_take_differently_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ForeignJsonError, match=why) as caught:
        read_json(data, "the manifest of x", fields=FIELDS)
    assert str(caught.value).startswith("the manifest of x: ")
    assert str(caught.value).isprintable()


def test_names_that_people_gave_may_differ_by_letter_case() -> None:
    data = b'{"annotations": {"Layers": "a", "layers": "b", "maintainer": "c"}, "layers": []}'
    assert read_json(data, "x", fields=FIELDS)["annotations"]["Layers"] == "a"


def test_below_the_names_the_rule_holds_again() -> None:
    with pytest.raises(ForeignJsonError, match="letter case"):
        read_json(b'{"auths": {"Host": {"auth": "a", "Auth": "b"}, "host": {}}}', "x")


def test_the_deepest_document_that_is_read() -> None:
    assert read_json(b"[" * DEPTH + b"]" * DEPTH, "x") != []


def test_a_caller_may_name_the_limit() -> None:
    with pytest.raises(ForeignJsonError, match="more than 4 bytes"):
        read_json(b"[1,2]", "x", limit=4)


def test_an_object_is_demanded() -> None:
    with pytest.raises(ForeignJsonError, match="an object was expected, found list"):
        read_object(b"[]", "x")


def test_the_error_is_of_both_families() -> None:
    """Callers that add their own words catch ValueError; what nobody catches is shown as any refusal."""
    assert issubclass(ForeignJsonError, RefusedError)
    assert issubclass(ForeignJsonError, ValueError)
