"""Find out before the boot that a suite and the machine it will get contradict each other (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from imagekit.base.errors import ConfigError
from imagekit.checks.session import CheckMeta
from imagekit.checks.wellformed import FOLDER
from imagekit.machine.interface import BootPath, VmShape


class ContradictionError(ConfigError):
    """A suite needs what the machine will not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the machine will have: shape, boot path, free disk in MiB, harness services it reaches, masked units."""

    shape: VmShape
    boot_path: BootPath
    disk_mib: int = 0
    network: bool = True
    services: frozenset[str] = frozenset({"tls"})
    masked_units: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One need of one check that the offer does not meet."""

    check: str
    need: str
    wanted: str
    offered: str

    def __str__(self) -> str:
        return f"{self.check} needs {self.need} {self.wanted}, the machine offers {self.offered}"


def lint(checks: Iterable[CheckMeta], offer: Offer) -> tuple[Contradiction, ...]:
    """Every need of every check held against the offer; a need with a name not known here is a contradiction too."""
    return tuple(
        Contradiction(check.id, need, _words(wanted), offered)
        for check in checks
        for need, wanted in check.needs.items()
        if (offered := _short_of(need, wanted, offer)) is not None
    )


def require_no_contradictions(found: Sequence[Contradiction]) -> None:
    """Raise `ContradictionError` that lists what `lint` found; silent when it found nothing."""
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise ContradictionError(
            f"{found[0]}{more}",
            hint="Change `vm:` of the image in images/images.yaml or the needs of the check:\n"
            + "\n".join(f"  {each}" for each in found[:10]),
        )


def require_pages(checks: Iterable[CheckMeta], folder: Path, checks_root: Path) -> None:
    """Raise `ConfigError` for a check whose runbook page is not in this folder: whoever is called at night needs it."""
    for check in checks:
        if not (folder / f"{check.runbook}.md").is_file():
            known = sorted(path.stem for path in folder.glob("*.md"))
            close = get_close_matches(check.runbook, known, n=1)
            raise ConfigError(
                f"{_marked(checks_root, check)}: there is no page docs/runbook/{check.runbook}.md",
                hint=f"Did you mean {close[0]!r}?" if close else "Write the page, or name one of: " + ", ".join(known),
            )


def _marked(checks_root: Path, check: CheckMeta) -> str:
    """``FILE:LINE`` of the mark that names the page, then the check; without a line where it is not written so."""
    file, _, name = check.id.partition("::")
    try:
        lines = (checks_root / file).read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    found = next((number for number, line in enumerate(lines, start=1) if f'"{check.runbook}"' in line), None)
    return f"{FOLDER}/{file}{f':{found}' if found else ''}: {name}"


def _short_of(need: str, wanted: Any, offer: Offer) -> str | None:
    """What is offered, when it is too little; None when the need is met."""
    amounts: Mapping[str, int] = {
        "memory_mib": offer.shape.memory_mib,
        "cpus": offer.shape.cpus,
        "disk_mib": offer.disk_mib,
    }
    match need:
        case "memory_mib" | "cpus" | "disk_mib":
            return None if amounts[need] >= int(wanted) else str(amounts[need])
        case "network":
            return None if offer.network or not wanted else "none"
        case "firmware":
            return None if offer.shape.firmware == wanted else str(offer.shape.firmware)
        case "tpm":
            return None if offer.shape.tpm or not wanted else "none"
        case "service":
            return None if wanted in offer.services else _words(offer.services)
        case "unit":
            return f"{wanted} masked" if wanted in offer.masked_units else None
        case _:
            return "nothing by that name (known: memory_mib, cpus, disk_mib, network, firmware, tpm, service, unit)"


def _words(value: Any) -> str:
    return (
        ", ".join(sorted(map(str, value))) or "none" if isinstance(value, (frozenset, set, list, tuple)) else str(value)
    )
