"""Each fault of tests/support/faults.py, put into a copy of the code: its unit test must fail there."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from imagekit.base.process import run
from tests.support.faults import FAULTS, Fault

ROOT = Path(__file__).parents[3]
FAILED = 1  # pytest's exit status for tests that failed; 2 and more are mistakes of this test


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of its own, with the files as they stand here."""
    target = tmp_path_factory.mktemp("faults") / "code"
    for name in run(["git", "ls-files", "-co", "--exclude-standard"], timeout=30, cwd=ROOT).stdout.splitlines():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


@pytest.mark.nightly(minutes=0.05)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_seen_without_a_machine(copy: Path, fault: Fault) -> None:
    path = copy / fault.file
    before = path.read_text()
    path.write_text(before.replace(fault.old, fault.new))
    try:
        argv = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-W", "ignore", fault.test]
        done = run(argv, timeout=300, cwd=copy, env={"PYTHONPATH": str(copy)}, ok=range(6))
    finally:
        path.write_text(before)
    assert done.returncode == FAILED, done.stdout[-2000:] + done.stderr[-2000:]
