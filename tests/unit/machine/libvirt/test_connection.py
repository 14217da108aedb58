"""What libvirt says of a machine that ended."""

from pathlib import Path

import pytest

from imagekit.machine.libvirt import connection


@pytest.mark.parametrize(
    ("said", "crash"),
    [
        ("2026-11-29 07:54:29.042+0000: shutting down, reason=crashed\n", True),
        ("2026-11-29 07:54:29.042+0000: shutting down, reason=shutdown\n", False),
        ("2026-11-29 07:54:29.042+0000: shutting down, reason=destroyed\n", False),
        ("shutting down, reason=crashed\n2026-11-29 07:55:00.000+0000: starting up\n", False),
        ("", False),
    ],
)
def test_a_crash_is_the_last_line_of_the_domains_log(tmp_path: Path, said: str, crash: bool) -> None:
    (tmp_path / "node.log").write_text(said)
    assert connection.crashed("node", (tmp_path / "none", tmp_path)) is crash


def test_where_no_log_can_be_read_nothing_is_claimed(tmp_path: Path) -> None:
    assert not connection.crashed("node", (tmp_path,))
