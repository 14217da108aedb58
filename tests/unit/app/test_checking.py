"""What is told of a session's checks."""

from __future__ import annotations

from pathlib import Path

from imagekit.app.checking import attempts_told
from imagekit.checks.outcome import CheckResult, Outcome
from imagekit.fixtures.network import ATTEMPTS, FixtureNetwork


def check(name: str, *attempts: str) -> CheckResult:
    return CheckResult(id=name, layer="ca", title=name, outcome=Outcome.PASSED, seconds=0.1, attempts=attempts)


def test_each_attempt_is_told_with_the_checks_that_ran_then(tmp_path: Path) -> None:
    network = FixtureNetwork(folder=str(tmp_path), port=1, pid=1, fixtures=("dns",), names={})
    web, clock = "203.0.113.7:443/tcp", "203.0.113.9:123/udp"
    assert attempts_told(network, [check("ca/t.py::test_1")]) == ()
    (tmp_path / ATTEMPTS).write_text(
        '["tcp", "203.0.113.7", 443]\n["udp", "203.0.113.9", 123]\n["icmp", "1.1.1.1", 0]\n'
    )
    checks = [check(f"ca/t.py::test_{number}", clock, *([web] if number == 2 else [])) for number in range(1, 6)]
    (told,) = attempts_told(network, checks)
    assert "203.0.113.7:443/tcp (during ca/t.py::test_2)" in told
    assert "203.0.113.9:123/udp (during ca/t.py::test_1, ca/t.py::test_2, ca/t.py::test_3 and 2 more)" in told
    assert told.endswith("1.1.1.1 (icmp) (during no check)")
