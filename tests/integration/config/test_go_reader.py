"""What the rule for authorities says of Go, held against Go."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from imagekit.base.process import run
from imagekit.config.authorities import judged
from tests.support.oddauthorities import ODD

_SOURCE = Path(__file__).parents[2] / "support/x509witness/main.go"


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("go") is None:
        pytest.skip("no Go here to ask")
    folder = tmp_path_factory.mktemp("go")
    made = {"GOCACHE": str(folder / "cache"), "GOFLAGS": "", "CGO_ENABLED": "0"}
    run(["go", "build", "-o", folder / "x509witness", _SOURCE], timeout=300, env=made, cwd=folder)
    return folder / "x509witness"


@pytest.mark.parametrize("case", ODD)
def test_the_rule_and_go_agree(tmp_path: Path, witness: Path, case: str) -> None:
    data, says = ODD[case]
    (tmp_path / "corp.pem").write_bytes(data())
    taken, refused = judged(tmp_path, ["*.pem"])
    answer = run([witness, tmp_path / "corp.pem"], timeout=60).stdout.strip()
    assert (answer == "<nil>") is (says == "" and len(taken) == 1 and not refused), (answer, refused)
