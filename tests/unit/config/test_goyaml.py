"""Plain scalars as gopkg.in/yaml.v3 v3.0.1 reads them; the table was printed by that library, 2026-11-28 (W26)."""

from __future__ import annotations

import copy
import pickle

import pytest

from imagekit.config.goyaml import Kind, Text, as_bool, as_whole, is_null, resolved

# What was written, what it is without a type, to a field of type bool, to one of type uint32 ("-": refused).
# A number with a fraction or in scientific form is cut to a whole one by the library and refused by us.
TABLE = """\
no|text|false|-
on|text|true|-
On|text|true|-
y|text|true|-
True|bool|true|-
TRUE|bool|true|-
yes|text|true|-
"yes"|text|true|-
"true"|text|-|-
52:54:00:12:34:56|text|-|-
22:30|text|-|-
1.10|number|-|-
0644|whole number|-|420
"0644"|text|-|-
0o644|whole number|-|420
08|number|-|-
1_000|whole number|-|1000
=|text|-|-
2024-01-02|time|-|-
2024-13-02|text|-|-
2024-1-2|time|-|-
2024-01-02 10:11:12|time|-|-
0x1F|whole number|-|31
0b11|whole number|-|3
1e3|number|-|-
1.|number|-|-
.5|number|-|-
.5_0|number|-|-
+12|whole number|-|12
.inf|number|-|-
-.Inf|number|-|-
.nan|number|-|-
1_0.5|number|-|-
12:30:45|text|-|-
0.0.0.0|text|-|-
1.2.3|text|-|-
--|text|-|-
+|text|-|-
0o9|text|-|-
18446744073709551616|number|-|-
<<|text|-|-
100M|text|-|-
0777_|whole number|-|511
_1|text|-|-
1__0|whole number|-|10
"""


def written(text: str) -> Text:
    """A scalar of the table: in double quotes or plain."""
    return Text(text[1:-1], '"') if text.startswith('"') else Text(text)


@pytest.mark.parametrize("line", TABLE.splitlines())
def test_a_scalar_is_what_the_nodes_reader_makes_of_it(line: str) -> None:
    text, kind, flag, whole = line.split("|")
    scalar = written(text)
    assert resolved(scalar)[0] is Kind(kind)
    assert as_bool(scalar) == {"true": True, "false": False, "-": None}[flag]
    assert as_whole(scalar) == (None if whole == "-" else int(whole))


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_null_is_null_only_when_it_is_plain(text: str) -> None:
    assert is_null(Text(text))
    assert not is_null(Text(text, "'"))


def test_the_style_survives_copies_and_pickles() -> None:
    scalar = Text("no", '"')
    for other in (copy.deepcopy(scalar), pickle.loads(pickle.dumps(scalar))):
        assert (str(other), other.style) == ("no", '"')
