"""The pytest plugin that refuses a check which cannot be asked or reported, before anything is built or booted.

pytest itself finds a name that is no fixture when it sets the check up, which is after the boot. Loaded before
`imagekit.checks.plugin`, and after pytest's own ``-k``: a check that nobody asked for is no hindrance.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

import pytest

FOLDER = "vm-harness/checks"
FIXTURES = (
    *("host", "root", "facts", "trusted_peer", "untrusted_peer", "network", "peers", "boot_cost", "session"),
    *("house_peer", "strange_peer"),  # earlier names
)
"""What a check may take (`imagekit.checks.plugin`), beside pytest's own."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Raise `pytest.UsageError` with the place of the first check that is wrong, and how many more there are."""
    found = [fault for item in items for fault in faults_of(item)]
    if found:
        more = f" (and {len(found) - 1} more like it)" if len(found) > 1 else ""
        raise pytest.UsageError(found[0] + more)


def faults_of(item: pytest.Item) -> Iterator[str]:
    """What is wrong with a check, each as ``FILE:LINE: NAME ...``."""
    where = f"{FOLDER}/{item.location[0]}:{(item.location[1] or 0) + 1}: {item.name}"
    doc = (getattr(getattr(item, "function", None), "__doc__", None) or "").strip()
    if not doc or item.get_closest_marker("runbook") is None:
        yield f"{where}: a check needs a docstring (what it proves) and a runbook mark"
    for name in _unknown(item):
        close = get_close_matches(name, FIXTURES, n=1)
        yield f"{where} takes {name!r}, which no fixture is called; " + (
            f"did you mean {close[0]!r}?" if close else f"there are {', '.join(FIXTURES)}"
        )


def _unknown(item: pytest.Item) -> list[str]:
    known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    given = getattr(getattr(item, "callspec", None), "params", {})
    names = getattr(item, "fixturenames", ())
    return [name for name in names if name != "request" and name not in known and name not in given]
