"""The table of docs/hardening.md is made of the catalogue (`python -m tests.unit.checks.hardening.test_page`)."""

from __future__ import annotations

from pathlib import Path

from imagekit.checks.hardening.catalogue import CONTROLS, PROFILES, controls_of

PAGE = Path(__file__).parents[4] / "docs" / "hardening.md"
BEGIN = "<!-- made of the catalogue: python -m tests.unit.checks.hardening.test_page -->\n"
END = "<!-- end -->"


def table() -> str:
    """The part of the page between the two marks."""
    rows = [
        f"| `{each.id}` | {each.level} | {each.title}{_paths(each.boot_paths)} | {', '.join(each.references) or '-'} |"
        for each in CONTROLS
    ]
    profiles = ", ".join(f"`{name}` (level {level}: {len(controls_of(name))})" for name, level in PROFILES.items())
    head = ("| id | level | what holds | references |", "|---|---|---|---|")
    return "\n".join((f"Profiles, with how many controls they have: {profiles}.\n", *head, *rows, ""))


def page() -> str:
    """The page as it should be: its own prose, and the table."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


def _paths(boot_paths: tuple[str, ...]) -> str:
    return f" (boot paths: {', '.join(boot_paths)})" if boot_paths else ""


def test_the_page_is_current() -> None:
    assert BEGIN in PAGE.read_text()
    assert PAGE.read_text() == page(), "run: python -m tests.unit.checks.hardening.test_page"


if __name__ == "__main__":
    PAGE.write_text(page())
