"""Results to render: a good run, and a bad one whose guest tries to break every view."""

from __future__ import annotations

from dataclasses import replace

from imagekit.checks.outcome import CheckResult, Outcome, SuiteResult
from imagekit.checks.scenario import ScenarioResult
from imagekit.machine.interface import Accelerator, BootPath, BootRecord, VmShape
from imagekit.report.result import (
    BootChart,
    BootUnit,
    ConsoleExcerpt,
    ConsoleLine,
    EvidenceRow,
    Failure,
    LayerRow,
    ReleaseRow,
    RunResult,
    StageRow,
    StageStatus,
    Verdict,
)

DIGEST = "sha256:" + "4f" * 32
HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}&\"'"
LAYERS = ("base", "k0s", "sssd", "ca-trust")
STAGES = (
    ("plan", 0.1),
    ("build", 201.5),
    ("disk", 3.4),
    ("boot", 31.2),
    ("verify", 8.8),
    ("sign", 0.4),
    ("publish", 2.6),
)


def check(number: int, layer: str = "base", outcome: Outcome = Outcome.PASSED, message: str = "") -> CheckResult:
    return CheckResult(
        id=f"{layer}/test_{layer}.py::test_{number}",
        layer=layer,
        title=f"Property number {number} of the layer {layer} holds on the running node",
        outcome=outcome,
        seconds=0.01 * number,
        message=message,
        details=f"test_{layer}.py:{number}: AssertionError\n{message}" if message else "",
        runbook=layer,
    )


def chart() -> BootChart:
    names = (
        "systemd-journald",
        "systemd-udevd",
        "modules-load",
        "NetworkManager",
        "dbus",
        "ssh",
        "sssd",
        "kairos-agent",
    )
    units = tuple(
        BootUnit(name=f"{name}.service", started=5.0 + n * 1.4, active=5.6 + n * 1.7, failed=name == "sssd")
        for n, name in enumerate(names)
    )
    return BootChart(kernel=3.9, initrd=0.0, userspace=3.9, finished=18.4, units=units, unit_count=143)


def scenario_results(*outcomes: Outcome, detail: str = "") -> tuple[ScenarioResult, ...]:
    return tuple(
        ScenarioResult(
            name=f"scenario-{number}",
            promise=f"Promise number {number} is kept.",
            outcome=outcome,
            seconds=40.0 * number,
            budget=180.0,
            boots=number,
            detail="" if outcome is Outcome.PASSED else detail,
        )
        for number, outcome in enumerate(outcomes, 1)
    )


def good() -> RunResult:
    return RunResult(
        run_id="20261122-181500-debian-node",
        image="debian-node",
        command="imagekit run debian-node",
        started="2026-11-22T18:15:00Z",
        seconds=248.0,
        verdict=Verdict.PASSED,
        plan_id="9c" * 32,
        version="v2026.1122.0-g1a2b3c4",
        digest=DIGEST,
        embedded=True,
        layers=tuple(
            LayerRow(name=n, id=str(i) * 64, digest=DIGEST, size=(5 - i) * 40_000_000, seconds=40.0 / i, cached=i < 3)
            for i, n in enumerate(LAYERS, 1)
        ),
        stages=tuple(StageRow(name=name, status=StageStatus.DONE, seconds=s, note="") for name, s in STAGES),
        boot=BootRecord(
            boot_path=BootPath.DIRECT,
            accelerator=Accelerator.TCG,
            qemu_version="10.0.2",
            machine="pc-q35-10.0",
            cpu_model="max",
            shape=VmShape(),
            seconds_to_ssh=21.6,
            cpu_seconds=33.8,
            speed=1.0,
        ),
        chart=chart(),
        console=ConsoleExcerpt(
            lines=tuple(ConsoleLine(number=n, text=f"[{n:8.3f}] systemd[1]: line {n}") for n in range(900, 940)),
            total=939,
        ),
        suites=SuiteResult(
            suite_hash="ab" * 32, checks=tuple(check(n, layer) for layer in LAYERS for n in range(1, 18)), seconds=8.8
        ),
        release=ReleaseRow(
            reference="127.0.0.1:20555/imagekit/debian-node:v2026.1122.0-g1a2b3c4",
            digest=DIGEST,
            key_fingerprint="SHA256:" + "A1b2" * 10,
            evidence=(
                EvidenceRow(kind="test-result", digest=DIGEST, size=8000),
                EvidenceRow(kind="SPDX 2.3", digest=DIGEST, size=300_000),
            ),
        ),
    )


def bad() -> RunResult:
    fine = good()
    assert fine.suites is not None
    checks = (
        *fine.suites.checks,
        check(90, "sssd", Outcome.FAILED, HOSTILE),
        check(91, "sssd", Outcome.ERRORED, "RuntimeError: connection closed by the node"),
        check(92, "sssd", Outcome.MISSING, "collected and never run"),
        check(93, "sssd", Outcome.SKIPPED, "no need"),
        replace(check(94, "base", Outcome.FAILED, "slow"), required=False, ticket="IK-7", expires="2027-01-01"),
    )
    console = ConsoleExcerpt(
        lines=(
            ConsoleLine(number=1, text="SeaBIOS"),
            ConsoleLine(number=700, text="[FAILED] Failed to start sssd.service", matched="unit failed"),
            ConsoleLine(number=701, text=HOSTILE),
        ),
        total=701,
    )
    stages = tuple(
        StageRow(name=name, status=_status(n), seconds=s if n < 5 else 0.0, note=HOSTILE if n == 4 else "")
        for n, (name, s) in enumerate(STAGES)
    )
    return replace(
        fine,
        verdict=Verdict.FAILED,
        release=None,
        stages=stages,
        console=console,
        suites=replace(fine.suites, checks=checks),
        failure=Failure(
            stage="verify",
            error=f"4 of {len(checks)} required checks did not pass, the first in layer sssd {HOSTILE}",
            hint="Nothing was published. The runbook page sssd says what to look at.",
            again="imagekit test debian-node --layer sssd --keep",
        ),
        changes=("layer sssd: 4f4f4f4f4f4f -> 5a5a5a5a5a5a",),
    )


def _status(number: int) -> StageStatus:
    if number < 4:
        return StageStatus.REUSED if number < 2 else StageStatus.DONE
    return StageStatus.FAILED if number == 4 else StageStatus.MISSING
