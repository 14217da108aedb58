"""Results of runs for tests of the history: any image, time, outcome and cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from imagekit.checks.outcome import CheckResult, Outcome, SuiteResult
from imagekit.machine.interface import BootPath
from imagekit.report.result import Failure, LayerRow, ReleaseRow, RunResult, StageRow, StageStatus, Verdict
from tests.support.images import BOOT

DIGEST = "sha256:" + "a" * 64


def result(
    at: datetime,
    outcomes: Mapping[str, Outcome] | None = None,
    *,
    image: str = "small-node",
    digest: str = DIGEST,
    reused: bool = False,
    published: bool = False,
    seconds: float = 20.0,
    size: int = 300_000_000,
    trial: str = "",
    **quarantine: Any,
) -> RunResult:
    """One run on the direct boot path: its checks by layer, such as ``{"base": Outcome.PASSED}``."""
    outcomes = {"base": Outcome.PASSED} if outcomes is None else outcomes
    checks = tuple(
        CheckResult(
            id=f"{BootPath.DIRECT}:{layer}/test_x.py::test_x",
            layer=layer,
            title="x holds",
            outcome=outcome,
            seconds=0.1,
            required=not quarantine,
            **quarantine,
        )
        for layer, outcome in outcomes.items()
    )
    suites = SuiteResult(suite_hash="5" * 64, checks=checks, seconds=0.1)
    status = StageStatus.REUSED if reused else StageStatus.DONE
    return RunResult(
        run_id=f"{at:%Y%m%d-%H%M%S}-{image}",
        image=image,
        command=f"imagekit run {image}",
        started=at.isoformat(),
        seconds=seconds * 2,
        verdict=Verdict.PASSED if suites.passed else Verdict.FAILED,
        version="v1.0.0",
        digest=digest,
        layers=(LayerRow(name="base", id="1", digest=digest, size=size, seconds=1.0, cached=False),),
        stages=tuple(
            StageRow(name=f"{part} {BootPath.DIRECT}", status=status, seconds=seconds) for part in ("boot", "checks")
        ),
        boot=BOOT,
        boots=(replace(BOOT, boot_path=BootPath.DIRECT, seconds_to_ssh=seconds, cpu_seconds=seconds * 2),),
        suites=suites,
        release=ReleaseRow(reference="r.example/x:v1", digest=digest, key_fingerprint="f") if published else None,
        trial=trial,
        failure=None if suites.passed else Failure(stage=f"checks {BootPath.DIRECT}", error="a check did not pass"),
    )
