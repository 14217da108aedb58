"""The table of benchmarks."""

from __future__ import annotations

import pytest

from imagekit.bench.catalog import BENCHMARKS, SLOW, chosen, measure_of


@pytest.mark.parametrize("name", BENCHMARKS)
def test_each_has_a_function_that_measures(name: str) -> None:
    assert callable(measure_of(name))


def test_slow_ones_run_only_when_named() -> None:
    assert set(BENCHMARKS) - set(chosen(())) == set(SLOW)
    assert chosen(("cold",)) == ("cold",)
    assert chosen(("ladder",)) == ("lifecycle",)  # its name before


def test_each_runs_once_in_the_order_of_the_table() -> None:
    assert chosen(("rootfs", "startup", "rootfs")) == ("startup", "rootfs")
