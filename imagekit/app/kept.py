"""What passed, kept by what it depends on: one file for a boot path or a scenario, written when it has ended.

It belongs to the digest and not to the run: a run whose publishing fails, or that is interrupted on a later boot path,
loses nothing, and the next one says what it reuses and of which day. Only passes are kept; what failed is run again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from imagekit import __version__
from imagekit.app.interface import BootPathResult
from imagekit.base.files import write_whole
from imagekit.base.tree import folder_hash
from imagekit.checks.outcome import SuiteResult
from imagekit.checks.scenario import ScenarioResult
from imagekit.checks.suitehash import suite_hash
from imagekit.config.load import Project
from imagekit.machine.interface import BootPath
from imagekit.oci.reference import Digest
from imagekit.plan.model import inputs_id
from imagekit.scenarios.model import Scenario
from imagekit.scenarios.options import ScenarioOptions

_FORMAT = 1
_OWN = ("machine", "checks", "scenarios", "artifact")  # the packages that decide how a machine is made and judged


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBootPath:
    """A boot path that passed: in which run, and when its tests began (UTC)."""

    run_id: str
    tested: datetime
    boot_path: BootPathResult
    format: int = _FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptScenario:
    """A scenario that passed, or met a limit of its framework: in which run, and when that began (UTC)."""

    run_id: str
    tested: datetime
    scenario: ScenarioResult
    format: int = _FORMAT


_Kept = TypeVar("_Kept", KeptBootPath, KeptScenario)


@cache
def harness_version() -> str:
    """The release of imagekit and a hash of its code that makes machines and judges them.

    A checkout under development keeps its release while that code changes.
    """
    root = Path(__file__).parents[1]
    code = sha256("".join(folder_hash(root / name) for name in _OWN).encode()).hexdigest()
    return f"{__version__}+{code[:16]}"


def dependencies(project: Project, image_name: str, digest: Digest) -> dict[str, str]:
    """All that a result of any boot path depends on: digest, checks, harness, machine, cloud-config."""
    image, harness = project.image(image_name), project.harness
    seeds = [sha256((project.root / path).read_bytes()).hexdigest() for path in image.cloud_config]
    return {
        "digest": str(digest),
        "suites": suite_hash(image.layers, harness / "checks"),
        "harness": folder_hash(harness),
        "version": harness_version(),
        "machine": image.vm.model_dump_json(),
        "cloud-config": " ".join(seeds),
        # What checks hold a node against; a waiver that is taken back changes no byte of the image.
        "declared": _declared(project, image.layers),
    }


def _declared(project: Project, layers: Iterable[str]) -> str:
    text = "".join(project.layers[name].model_dump_json() for name in layers)
    return sha256(text.encode()).hexdigest()


def boot_path_id(inputs: Mapping[str, str], boot_path: BootPath) -> str:
    """The name of what is kept of one boot path."""
    return inputs_id({**inputs, "boot_path": boot_path})


def scenario_id(inputs: Mapping[str, str], origin: Digest, options: ScenarioOptions, scenario: Scenario) -> str:
    """The name of what is kept of one scenario from one start; more power cuts are another promise."""
    cuts = options.cuts if scenario.each_cut else 0
    return inputs_id({**inputs, "origin": str(origin), "scenario": scenario.name, "cuts": str(cuts)})


def _passed(suites: SuiteResult) -> bool:
    """Every check, not only some that a person selected."""
    return suites.passed and not suites.selection


class Results:
    """The kept results below a work folder. A file that is damaged or of another format is as good as missing."""

    def __init__(self, work: Path) -> None:
        self._folder = work / "results"

    def boot_path(self, name: str) -> KeptBootPath | None:
        """What is kept of a boot path under this name, when it passed."""
        found = self._read(name, KeptBootPath)
        return found if found is not None and _passed(found.boot_path.suites) else None

    def scenario(self, name: str) -> KeptScenario | None:
        """What is kept of a scenario under this name, when it passed, or met a limit of its framework."""
        found = self._read(name, KeptScenario)
        return found if found is not None and not found.scenario.blocks else None

    def keep(self, name: str, what: KeptBootPath | KeptScenario) -> None:
        """Keep a pass, whole or not at all; a failure is none and is not kept."""
        passed = _passed(what.boot_path.suites) if isinstance(what, KeptBootPath) else not what.scenario.blocks
        if not passed:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._folder / f"{name}.json", json.dumps(asdict(what), default=datetime.isoformat) + "\n")

    def _read(self, name: str, kind: type[_Kept]) -> _Kept | None:
        from pydantic import TypeAdapter, ValidationError

        try:
            data = json.loads((self._folder / f"{name}.json").read_bytes())
            if not isinstance(data, dict) or data.get("format") != _FORMAT:
                return None
            return TypeAdapter(kind).validate_python(data)
        except (OSError, ValueError, ValidationError):
            return None
