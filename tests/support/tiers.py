"""The two tiers of tests: every change, and the night. What waits for the night says how long it takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import pytest

MARK = "nightly"


def minutes(item: pytest.Item) -> float | None:
    """How long a test of the night takes on two cores without KVM, in minutes; None for a test of every change.

    Raises `pytest.UsageError` for a test of the night that does not say it.
    """
    marker = item.get_closest_marker(MARK)
    if marker is None:
        return None
    said = marker.kwargs.get("minutes")
    if marker.args or set(marker.kwargs) != {"minutes"} or not isinstance(said, int | float) or said <= 0:
        raise pytest.UsageError(f"{item.nodeid}: write @pytest.mark.{MARK}(minutes=...), as measured on two cores")
    return float(said)


def durations(items: Iterable[pytest.Item]) -> Mapping[str, list[float]]:
    """The minutes of the night's tests by test function, one number for each of its cases."""
    reported: dict[str, list[float]] = defaultdict(list)
    for item in items:
        if (each := minutes(item)) is not None:
            reported[item.nodeid.partition("[")[0]].append(each)
    return reported


def expected(reported: Mapping[str, list[float]]) -> str:
    """How many they are and how long they take together, in words."""
    whole = round(sum(sum(each) for each in reported.values()))
    number = sum(len(each) for each in reported.values())
    return f"{number} tests of the night, about {whole // 60} h {whole % 60:02} min on two cores"


def table(reported: Mapping[str, list[float]]) -> list[str]:
    """The rows of CONTRIBUTING's table, longest first."""
    rows = sorted(reported.items(), key=lambda row: (-sum(row[1]), row[0]))
    return [f"| `{name}` | {len(each)} | {sum(each):g} |" for name, each in rows]


class Tiers:
    """A pytest plugin: holds the mark to its form, and says before a night begins how long it will take."""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Refuse a mark without its minutes, also where it is not chosen."""
        durations(items)

    def pytest_report_collectionfinish(self, config: pytest.Config, items: list[pytest.Item]) -> list[str]:
        """One line before the first test; with --collect-only the table."""
        reported = durations(items)
        if not reported:
            return []
        return [expected(reported), *(table(reported) if config.option.collectonly else [])]
