"""Write docs/conformance.md: every check, and how it ended on the embedded image, out of the facts of kept runs.

``python -m tests.conformance.page .imagekit/runs/RUN...``, the folders that `imagekit conformance` left; where two runs
made the same run the later folder counts.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from imagekit.app.conformance import FACTS
from imagekit.checks.contract.model import (
    Conformance,
    ContractPath,
    ContractRun,
    Phase,
    RunFacts,
    read_facts,
    write_facts,
)
from imagekit.checks.contract.show import as_markdown, boot_paths_page
from imagekit.checks.contract.suite import judge, list_checks
from imagekit.config.model import Firmware

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance.md"
BEGIN, END = "<!-- checks begin -->\n", "<!-- checks end -->"
BOOT_PATHS_BEGIN, BOOT_PATHS_END = "<!-- boot paths begin -->\n", "<!-- boot paths end -->"


def contract_runs_in(facts: dict[str, RunFacts]) -> list[ContractRun]:
    """The runs of recorded facts, each as far as it came or was to come."""
    found = []
    for name, one in facts.items():
        boot_path, _, firmware = name.partition("-")
        last = [phase for phase in Phase if phase in one.phases or phase in one.broken][-1]
        found.append(ContractRun(ContractPath(boot_path), Firmware(firmware or "bios"), last))
    return sorted(
        found, key=lambda contract_run: (list(ContractPath).index(contract_run.boot_path), contract_run.firmware)
    )


def judged(folders: list[Path]) -> Conformance:
    """What the checks say of the facts in these folders."""
    facts = {name: one for folder in folders for name, one in read_facts(folder / FACTS).items()}
    with tempfile.TemporaryDirectory() as name:
        kept = Path(name) / FACTS
        write_facts(facts, kept)
        here, out = Path(__file__).parent, Path(name)
        return replace(judge(here, out, "debian-node", contract_runs_in(facts), kept), checks=list_checks(here, out))


def between(text: str, begin: str, end: str, new: str) -> str:
    """The text with what stands between two markers replaced."""
    head, _, rest = text.partition(begin)
    return head + begin + new + end + rest.partition(end)[2]


def main() -> None:
    """Write the page."""
    found = judged([Path(word) for word in sys.argv[1:]])
    text = between(PAGE.read_text(), BOOT_PATHS_BEGIN, BOOT_PATHS_END, boot_paths_page())
    PAGE.write_text(between(text, BEGIN, END, as_markdown(found)))


if __name__ == "__main__":
    main()
