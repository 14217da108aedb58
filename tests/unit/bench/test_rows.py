"""How measurements become rows."""

from __future__ import annotations

import logging

import pytest

from imagekit.bench import boot, change, push
from imagekit.bench.cost import cost
from imagekit.bench.madelayout import MadeImage
from imagekit.bench.model import Met
from imagekit.bench.plain import PlainBoot
from imagekit.bench.rootfs import step_seconds
from imagekit.log import step
from imagekit.oci import Digest
from imagekit.report.result import StageRow, StageStatus
from imagekit.vm.interface import Accelerator, BootRecord, Road, VmShape

PLAIN = PlainBoot(seconds_to_ssh=50.0, cpu_seconds=70.0)


def booted(road: Road, seconds: float, cpu: float) -> BootRecord:
    """A boot that took so long."""
    return BootRecord(
        road=road,
        accelerator=Accelerator.TCG,
        qemu_version="10.0.2",
        machine="q35",
        cpu_model="maximum",
        shape=VmShape(),
        seconds_to_ssh=seconds,
        cpu_seconds=cpu,
        speed=1.0,
    )


@pytest.mark.parametrize(
    ("road", "seconds", "cpu", "met"),
    [(Road.FAST, 20.0, 28.0, Met.YES), (Road.FAST, 21.0, 28.1, Met.NO), (Road.LIVE, 30.0, 42.0, Met.YES)],
)
def test_each_road_has_its_own_goal(road: Road, seconds: float, cpu: float, met: Met) -> None:
    assert {row.met for row in boot.rows_of(booted(road, seconds, cpu), PLAIN)} == {met}


def test_a_change_is_compared_with_boots_and_checks_alone() -> None:
    stages = [("build", 9.0), ("boot fast", 20.0), ("checks fast", 5.0), ("boot live", 30.0), ("publish", 4.0)]
    rows = tuple(StageRow(name=name, status=StageStatus.DONE, seconds=seconds) for name, seconds in stages)
    assert change.boots_and_checks(rows) == 55.0


def test_a_new_authority_is_another_each_time() -> None:
    from cryptography import x509

    first, second = change.new_authority(), change.new_authority()
    assert first != second
    found = x509.load_pem_x509_certificate(first.encode())
    assert found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert found.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


@pytest.mark.parametrize(("sent", "met"), [(1000, Met.YES), (1001, Met.NO)])
def test_a_second_push_may_send_what_is_new_and_nothing_else(sent: int, met: Met) -> None:
    once = {"sent": 5000, "idle": 30_000_000, "peak": 40_000_000, "milliseconds": 1500}
    image = MadeImage(manifest=Digest.of(b""), new_bytes=1000)
    rows = push.rows_of(once, {**once, "sent": sent}, image)
    assert rows[0].met is met
    assert rows[1].measured == pytest.approx(10.0)


def test_a_step_of_that_name_is_timed() -> None:
    logging.getLogger("imagekit").setLevel(logging.INFO)
    with step_seconds("Writing") as found, step("Reading"), step("Writing") as told:
        told.note = "3 MiB"
    assert len(found) == 1


def test_the_cost_of_a_block_counts_wall_and_processor() -> None:
    with cost() as found:
        sum(range(300_000))
    assert found.seconds > 0
    assert found.cpu_seconds >= 0
