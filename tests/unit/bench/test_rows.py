"""How measurements become rows."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.base.log import step
from imagekit.bench import boot, change, fixtures, installed, lifecycle, push, upgrade
from imagekit.bench.cost import cost
from imagekit.bench.madelayout import MadeImage
from imagekit.bench.model import Met
from imagekit.bench.plain import PlainBoot
from imagekit.bench.rootfs import step_seconds
from imagekit.checks.outcome import Outcome
from imagekit.checks.scenario import ScenarioResult
from imagekit.machine.interface import Accelerator, BootPath, BootPhase, BootRecord, VmShape
from imagekit.oci.reference import Digest
from imagekit.report.result import StageRow, StageStatus
from imagekit.scenarios.runner import ScenarioRun

HARNESS = Path(__file__).parents[3] / "vm-harness"
PLAIN = PlainBoot(seconds_to_ssh=50.0, cpu_seconds=70.0)


def booted(boot_path: BootPath, seconds: float, cpu: float) -> BootRecord:
    """A boot that took so long."""
    return BootRecord(
        boot_path=boot_path,
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
    ("boot_path", "seconds", "cpu", "met"),
    [
        (BootPath.DIRECT, 20.0, 28.0, Met.YES),
        (BootPath.DIRECT, 21.0, 28.1, Met.NO),
        (BootPath.LIVE, 30.0, 42.0, Met.YES),
    ],
)
def test_each_boot_path_has_its_own_goal(boot_path: BootPath, seconds: float, cpu: float, met: Met) -> None:
    assert {row.met for row in boot.rows_of(booted(boot_path, seconds, cpu), PLAIN)} == {met}


@pytest.mark.parametrize(("seconds", "cpu", "met"), [(30.0, 45.0, Met.YES), (30.1, 45.1, Met.NO)])
def test_an_installed_boot_is_held_against_the_live_one(seconds: float, cpu: float, met: Met) -> None:
    live = booted(BootPath.LIVE, 20.0, 30.0)
    record = replace(booted(BootPath.INSTALLED, seconds, cpu), phases=(BootPhase(name="firmware", seconds=8.0),))
    rows = installed.rows_of("first", record, live)
    assert {row.met for row in rows} == {met}
    assert rows[0].note == "bios: firmware 8.0 s"


def test_a_change_is_compared_with_boots_and_checks_alone() -> None:
    stages = [("build", 9.0), ("boot direct", 20.0), ("checks direct", 5.0), ("boot live", 30.0), ("publish", 4.0)]
    rows = tuple(StageRow(name=name, status=StageStatus.DONE, seconds=seconds) for name, seconds in stages)
    assert change.boots_and_checks(rows, 70.0) == 55.0


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
    with step_seconds("Writing") as found, step("Reading"), step("Writing") as reported:
        reported.note = "3 MiB"
    assert len(found) == 1


def test_the_cost_of_a_block_counts_wall_and_processor() -> None:
    with cost() as found:
        sum(range(300_000))
    assert found.seconds > 0
    assert found.cpu_seconds >= 0


def reported(name: str, outcome: Outcome = Outcome.PASSED) -> ScenarioRun:
    """A scenario of 100 s, 60 of them boots and 20 an image write."""
    result = ScenarioResult(name=name, promise="Kept.", outcome=outcome, seconds=100.0, budget=200.0, boots=3)
    return ScenarioRun(result=result, boot_seconds=60.0, write_seconds=20.0, writes=1)


@pytest.mark.parametrize(("seconds", "met"), [(208.0, Met.YES), (209.0, Met.NO)])
def test_lifecycle_is_measured_against_its_boots_and_writes(seconds: float, met: Met) -> None:
    whole, *each = lifecycle.rows_of([reported("a"), reported("b", Outcome.FAILED)], seconds)
    assert whole.reference == 160.0
    assert whole.met is met
    assert "6 starts 120 s, 2 whole writes and broken ones 40 s; 1 did not pass" in whole.note
    assert [row.name for row in each] == ["scenario a", "scenario b"]


@pytest.mark.parametrize(("written", "met"), [(110, Met.YES), (111, Met.NO)])
def test_an_upgrade_is_held_against_the_image(written: int, met: Met) -> None:
    cost = upgrade.UpgradeCost(written=written, image=100, memory_kib=64_000, seconds=30.0, dd_seconds=10.0)
    bytes_row, memory, time = upgrade.rows_of(cost)
    assert bytes_row.met is met
    assert memory.met is Met.YES
    assert time.ratio == 3.0


def test_a_fixture_whose_programs_this_host_has_not_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    assert fixtures.lacking(HARNESS, ["ca", "registry"]) == ""
    assert fixtures.lacking(HARNESS, ["ca", "kubernetes"]).startswith("program not found: etcd and kube-apiserver")


def test_fixtures_at_once_are_held_against_the_slowest_and_the_domain_against_its_goal() -> None:
    found = fixtures.rows({"ad": 9.0, "ca": 1.0, "dns": 0.5}, 11.0)
    assert [row.met for row in found] == [Met.YES, Met.NONE, Met.NONE, Met.YES]
    assert found[-1].against == "ad alone"
    slow = fixtures.rows({"ad": 10.5, "ca": 1.0}, 14.0)
    assert [row.met for row in slow] == [Met.NO, Met.NONE, Met.NO]
