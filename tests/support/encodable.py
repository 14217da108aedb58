"""What a test captured may hold lone surrogates; pytest-xdist cannot send those from a worker and would end the run."""

from __future__ import annotations

from collections.abc import Generator

import pytest


def encodable(text: str) -> str:
    """The text with lone surrogates written out, as in ``\\ud800``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Encodable:
    """A pytest plugin."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Write out what was printed and logged, and how a failure reads."""
        report = yield
        report.sections = [(encodable(name), encodable(text)) for name, text in report.sections]
        if report.longrepr is not None and report.longreprtext != encodable(report.longreprtext):
            report.longrepr = encodable(report.longreprtext)
        return report
