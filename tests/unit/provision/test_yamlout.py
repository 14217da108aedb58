"""The YAML that is written reads as the same data, in YAML 1.1 too."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from imagekit.provision.yamlout import document

TEXT = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "On",
            "off",
            "YES",
            "n",
            "null",
            "~",
            "1.10",
            "0x1f",
            "1e3",
            "12:30:45",
            "2030-01-01",
            "=",
            "<<",
            "- a",
            "a: b",
        ]
    ),
    st.lists(st.text(" ab#:-$'\"", max_size=8), max_size=4).map("\n".join),
)
DATA = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**31), 2**31), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(TEXT, DATA, min_size=1, max_size=4))
def test_what_is_written_is_read_again(data: dict[str, Any]) -> None:
    assert yaml.safe_load(document(data)) == json.loads(json.dumps(data))


@pytest.mark.parametrize(
    "text", ["a\nb\n", "a\n\n b\n", "#cloud-config\nx: ${Y}\n", "a\nb", " a\n", "\n", "a\n\n", "a \nb\n"]
)
def test_text_of_several_lines_keeps_every_byte(text: str) -> None:
    assert yaml.safe_load(document({"a": {"b": [{"c": text}]}})) == {"a": {"b": [{"c": text}]}}


def test_a_cloud_config_is_a_block_that_people_can_read() -> None:
    assert document({"data": {"userdata": "#cloud-config\nhostname: x\n"}}) == (
        "data:\n  userdata: |\n    #cloud-config\n    hostname: x\n"
    )


def test_what_is_no_data_is_refused() -> None:
    with pytest.raises(TypeError):
        document({"a": 1.5})
