"""The pattern table held to its samples, and a log followed as it grows."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.machine.console import Console, Pattern, Severity, clean, load_patterns

TABLE = Path(__file__).parents[3] / "vm-harness" / "console-patterns.yaml"
PATTERNS = load_patterns(TABLE)


def first(line: str) -> Pattern | None:
    """The pattern that the scanner would report for a line."""
    return next((pattern for pattern in PATTERNS if pattern.regex.search(line)), None)


def test_table_is_large_and_its_names_are_unique() -> None:
    assert len(PATTERNS) >= 30
    assert len({pattern.id for pattern in PATTERNS}) == len(PATTERNS)
    assert all(pattern.meaning and pattern.hint for pattern in PATTERNS)


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.id)
def test_samples(pattern: Pattern) -> None:
    assert pattern.regex.search(pattern.match)
    assert not pattern.regex.search(pattern.no_match)


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.id)
def test_good_lines_match_nothing_at_all_that_is_fatal(pattern: Pattern) -> None:
    found = first(pattern.no_match)
    assert found is None or found.severity is Severity.WARN


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.id)
def test_no_earlier_pattern_softens_a_fatal_line(pattern: Pattern) -> None:
    found = first(pattern.match)
    assert found is not None
    assert pattern.severity is not Severity.FATAL or found.severity is Severity.FATAL


# K7: what GRUB of a good real Kairos node prints at each boot, and goes on.
GOOD = [
    "error: no such device: /grub_oem_env.",
    "error: no such device: /grubenv.",
    "error: no such device: /grubcustom.",
    "error: no such device: /boot_assessment.",
    "error: file `/grub/fonts/unicode.pf2' not found.",
    "error: file `/grub2/fonts/unicode.pf2' not found.",
    "error: file `/grub/i386-pc/all_video.mod' not found.",
]
DEAD = [
    "grub rescue>",
    "error: no such partition.",
    "error: no such device: COS_STATE.",
    "error: no such device: 1a2b3c4d-0000-1111-2222-333344445555.",
    "error: file `//cOS/active.img' not found.",
    "error: file `/cOS/recovery.squashfs' not found.",
    "error: file `/boot/vmlinuz' not found.",
    "error: file `/boot/initrd' not found.",
]


@pytest.mark.parametrize("line", GOOD)
def test_what_grub_goes_on_after_is_no_end(line: str) -> None:
    assert first(line) is None


CONSOLES = sorted((Path(__file__).parents[2] / "data/consoles").glob("*.log"))


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.id)
def test_no_line_of_a_good_real_boot_ends_the_wait(pattern: Pattern) -> None:
    """Every pattern has every line of good boots of real nodes as counter-sample."""
    assert CONSOLES
    lines = [line for log in CONSOLES for line in log.read_text().splitlines()]
    assert len(lines) > 300
    assert [line for line in lines if pattern.regex.search(line)] == []


@pytest.mark.parametrize("line", DEAD)
def test_what_grub_cannot_start_without_is_the_end(line: str) -> None:
    found = first(line)
    assert found is not None
    assert found.severity is Severity.FATAL


def test_escape_codes_are_taken_out() -> None:
    assert clean("[\x1b[0;1;31mFAILED\x1b[0m] Failed to start x\x1b]0;title\x07\r") == "[FAILED] Failed to start x"
    assert len(clean("x" * 10_000)) == 2000


def test_a_log_is_followed_line_by_line(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    console = Console(log, PATTERNS)
    assert console.poll() == []
    with log.open("ab") as stream:
        stream.write(b"fine\r\n[   1.0] Kernel pan")
        stream.flush()
        assert console.poll() == []
        assert console.tail() == "fine\n[   1.0] Kernel pan"
        stream.write(b"ic - not syncing: no init\r\n\x1b[31m[FAILED]\x1b[0m Failed to start a.service\r\n")
        stream.flush()
    found = console.poll()
    assert [(match.pattern.id, match.line) for match in found] == [("kernel-panic", 2), ("unit-failed", 3)]
    assert console.matches == found
    assert console.poll() == []


def test_fatal_matches_come_first(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_text("[FAILED] Failed to start a.service\nKernel panic - not syncing: x\n")
    assert [match.pattern.severity for match in Console(log, PATTERNS).poll()] == [Severity.FATAL, Severity.WARN]


def test_bytes_that_are_no_text_and_endless_lines_do_no_harm(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(b"\xff\xfe" + b"y" * 300_000)
    console = Console(log, PATTERNS)
    assert console.poll() == []
    assert len(console.tail()) <= 200


@pytest.mark.parametrize(
    "text",
    [
        "patterns: 3",
        "nothing: []",
        "patterns: [{id: a}]",
        "patterns: [{id: a, regex: '(', severity: fatal, meaning: m, hint: h, match: m, no_match: n}]",
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"p\.yaml"):
        load_patterns(path)
