"""Whether two spellings name one person: two keys of one person are one voice.

Folding too much makes two people count as one, which asks for a third; folding too little lets one person agree with
himself. So what looks alike is alike. It is no full table of confusables (https://www.unicode.org/reports/tr39/): the
letters of Greek and Cyrillic that are drawn like Latin ones, and dashes, quotes, marks and what is not seen.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Drawn alike; capitals and small letters apart, for folding case first would lose which of the two was drawn.
_ALIKE = (
    ("АВЕКМНОРСТУХЅІЈ", "ABEKMHOPCTYXSIJ"),  # noqa: RUF001 - Cyrillic capitals
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),  # noqa: RUF001 - Greek capitals
    ("аеорсухѕіјһԁԛԝӏ", "aeopcyxsijhdqwl"),  # noqa: RUF001 - Cyrillic
    ("αιηκνορυχγϲ", "ainkvopuxyc"),  # Greek
    ("ıłøđ", "ilod"),  # Latin, without a decomposition
)
_LOOKS = {ord(drawn): latin for ours, theirs in _ALIKE for drawn, latin in zip(ours, theirs, strict=True)}
# An address wherever it stands in the text: in angle brackets, in round ones, or by itself.
_MAIL = re.compile(r"[^\s<>()\[\]\"',;:]+@[^\s<>()\[\]\"',;:]+")


def same_person(one: object, other: object) -> bool:
    """Whether two texts may name one person: by mail address where both have one, else by name.

    Letter case, Unicode form, marks on letters, look-alikes of other scripts, invisible characters and spaces make no
    difference.
    """
    (name, mails), (other_name, other_mails) = _parts(one), _parts(other)
    return bool(mails & other_mails) if mails and other_mails else name == other_name


def distinct(persons: Iterable[str]) -> list[str]:
    """One spelling of each person; what may be one person is one."""
    found: list[str] = []
    for person in sorted(persons, key=lambda text: bool(_parts(text)[1])):  # names without an address match most
        if not any(same_person(person, known) for known in found):
            found.append(person)
    return found


def is_named(text: str) -> bool:
    """Whether anything of a name is left when what nobody sees is taken away."""
    return any(_parts(text))


def _parts(text: object) -> tuple[str, frozenset[str]]:
    """Name and mail addresses, folded; of the name only letters and figures, for `O'Neil, A.` is `O\u2019Neil A`."""
    folded = _folded(str(text))
    mails = frozenset(each.strip(".") for each in _MAIL.findall(folded))
    return "".join(each for each in _MAIL.sub(" ", folded) if each.isalnum()), mails


def _folded(text: str) -> str:
    letters = "".join(_letter(each) for each in unicodedata.normalize("NFKD", text))
    return " ".join(letters.translate(_LOOKS).casefold().split())


def _letter(letter: str) -> str:
    match unicodedata.category(letter):
        case "Mn" | "Me" | "Cf" | "Cn" | "Co" | "Cs":
            return ""
        case "Cc" | "Zs" | "Zl" | "Zp":
            return " "
        case "Pd":
            return "-"
        case "Pi" | "Pf":
            return "'"
        case _:
            return letter if letter not in "\u3164\u115f\u1160\uffa0\u2800" else ""  # drawn as nothing
