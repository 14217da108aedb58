"""The page about conformance lists the checks that there are, no more and no fewer."""

from __future__ import annotations

import re

from imagekit.checks.contract.show import boot_paths_page
from tests.conformance.page import BEGIN, BOOT_PATHS_BEGIN, BOOT_PATHS_END, END, PAGE
from tests.unit.checks.contract.run import cases

_AGAIN = "write it anew: python -m tests.conformance.page .imagekit/runs/RUN..."


def part(begin: str, end: str) -> str:
    found = re.search(f"{begin}(.*?){end}", PAGE.read_text(), re.S)
    assert found is not None
    return found[1]


def test_page_lists_exactly_the_checks() -> None:
    counted: dict[str, int] = {}
    for name, _, _ in cases():
        short = name.partition("[")[0]
        counted[short] = counted.get(short, 0) + 1
    listed = dict(re.findall(r"^\| `([a-z]+/\w+)` \|[^|]*\| (\d+) \|", part(BEGIN, END), re.M))
    assert listed == {name: str(count) for name, count in counted.items()}, _AGAIN


def test_page_has_the_promises_in_words() -> None:
    text = part(BEGIN, END).replace("\\|", "|")
    promises = {(function.__doc__ or "").splitlines()[0].rstrip(".") for _, function, _ in cases()}
    assert [promise for promise in promises if promise not in text] == [], _AGAIN


def test_page_tells_the_boot_paths() -> None:
    assert part(BOOT_PATHS_BEGIN, BOOT_PATHS_END) == boot_paths_page(), _AGAIN
