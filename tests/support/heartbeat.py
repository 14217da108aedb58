"""No silence in a long test: every few seconds a line says which one runs and for how long."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from imagekit.base.process import now

_SECONDS = 4.5


class Heartbeat:
    """A pytest plugin; workers of xdist stay quiet, their controller shows their results."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._quiet = hasattr(config, "workerinput")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Tell while one test runs."""
        ended = threading.Event()
        teller = threading.Thread(target=self._tell, args=(item.nodeid, ended), daemon=True)
        if not self._quiet:
            teller.start()
        try:
            return (yield)
        finally:
            ended.set()
            if teller.is_alive():
                teller.join()

    def _tell(self, name: str, ended: threading.Event) -> None:
        began = now()
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        capture = self._config.pluginmanager.get_plugin("capturemanager")
        while reporter is not None and capture is not None and not ended.wait(_SECONDS):
            # Otherwise the line would land in what the test is taken to have printed.
            with capture.global_and_fixture_disabled():
                reporter.write_line(f"... {now() - began:.0f} s in {name}")
