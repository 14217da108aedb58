"""The bake files of plans (pure): one graph for BuildKit, one target a stage; stages with the same id are one target.

buildx before 0.14 takes the network of a target only from a compose-format file, so the graph is written as one;
outputs are set by a second file. Only the last stage of each plan is written out, as an OCI layout.

Each file has a language of its own inside its strings, and both would read the builder's environment: `compose_text`
and `override_text` write them so that every string means itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagekit.config.engine import located
from imagekit.plan.model import Plan, Stage, StageKind

FINAL = "stamp"


@dataclass(frozen=True, slots=True)
class Graph:
    """Plans that are built together; `distros` has the context of each distro stage by the stage's id.

    `authorities` has the folder of checked certificates of each layer that declares some.
    `downloads` has the folder with the files that a layer takes from elsewhere, by the stage's id, and `packages` the
    repository that a stage of a locked plan installs from. Steps of a plan that is not locked have the `network`.
    """

    plans: tuple[Plan, ...]
    root: Path
    distros: Mapping[str, Path]
    authorities: Mapping[str, Path] = field(default_factory=dict)
    downloads: Mapping[str, Path] = field(default_factory=dict)
    packages: Mapping[str, Path] = field(default_factory=dict)
    network: str = "host"

    def target(self, stage: Stage) -> str:
        """The target of a stage: its name, and with several plans a part of its id too."""
        return stage.name if len(self.plans) == 1 else f"{stage.name}-{stage.id[:12]}"

    def final(self, plan: Plan) -> str:
        """The target that is written out."""
        return self.target(plan.stage(FINAL))

    def stages(self) -> dict[str, tuple[Plan, Stage]]:
        """Every target with its stage and a plan that it belongs to."""
        found: dict[str, tuple[Plan, Stage]] = {}
        for plan in self.plans:
            for stage in plan.stages:
                found.setdefault(self.target(stage), (plan, stage))
        return found


def compose(graph: Graph) -> dict[str, Any]:
    """The graph: contexts, arguments and which target stands on which."""
    targets = {name: _target(graph, plan, stage) for name, (plan, stage) in graph.stages().items()}
    return {"services": {name: {"build": target} for name, target in targets.items()}}


def overrides(graph: Graph, destinations: Mapping[str, Path], *, clamp: bool = False) -> dict[str, Any]:
    """What compose cannot say: each plan's last target becomes an OCI layout; no attestations.

    `destinations` is by plan id. With `clamp` BuildKit holds the times of files to the epoch, for which it packs each
    layer anew. Attestations are written by imagekit as referrers; BuildKit's carry times and would change the digest.
    """
    targets: dict[str, Any] = {name: {"attest": ["type=provenance,disabled=true"]} for name in graph.stages()}
    for plan in graph.plans:
        targets[graph.final(plan)]["output"] = [_output(destinations[plan.id], clamp=clamp)]
    return {"target": targets}


def compose_text(graph: Graph) -> str:
    """The graph as a compose file, in which ``$`` begins a variable and ``$$`` is a dollar sign."""
    return _json(_mapped(compose(graph), lambda text: text.replace("$", "$$")))


def override_text(graph: Graph, destinations: Mapping[str, Path], *, clamp: bool = False) -> str:
    """The overrides as a bake file; HCL's strings are templates, also as JSON: ``${`` and ``%{`` are doubled."""
    written = overrides(graph, destinations, clamp=clamp)
    return _json(_mapped(written, lambda text: text.replace("${", "$${").replace("%{", "%%{")))


def _json(data: Any) -> str:
    # Not in ASCII: a compose file is read as YAML, which takes the two halves of an escaped character for two.
    return json.dumps(data, indent=1, ensure_ascii=False)


def _mapped(data: Any, quote: Callable[[str], str]) -> Any:
    """The same data with every string quoted; keys are names of ours."""
    if isinstance(data, str):
        return quote(data)
    if isinstance(data, Mapping):
        return {key: _mapped(value, quote) for key, value in data.items()}
    return [_mapped(value, quote) for value in data] if isinstance(data, list) else data


def csv_field(text: str) -> str:
    """A field as buildx reads its options: RFC 4180, where quotes go around what has a comma, a quote or a newline."""
    return '"' + text.replace('"', '""') + '"' if any(char in text for char in ',"\r\n') else text


def _output(destination: Path, *, clamp: bool) -> str:
    return ",".join(
        (
            "type=oci",
            csv_field(f"dest={destination}"),
            "tar=false",
            *(("rewrite-timestamp=true",) if clamp else ()),
            "compression=zstd",
            "compression-level=3",
            "force-compression=true",
        )
    )


def _target(graph: Graph, plan: Plan, stage: Stage) -> dict[str, Any]:
    folder = located(graph.root, stage.context)
    return {
        "context": str(graph.distros.get(stage.id, folder)),
        "dockerfile": str(folder / "Dockerfile"),
        "network": "none" if plan.locked else graph.network,
        "args": {**stage.args, **_stage_args(plan, stage), "SOURCE_DATE_EPOCH": str(plan.source.epoch)},
        "additional_contexts": _contexts(graph, plan, stage),
    }


def _contexts(graph: Graph, plan: Plan, stage: Stage) -> Mapping[str, str]:
    scripts = {"scripts": str(located(graph.root, "images/scripts"))}
    contexts: dict[str, str] = scripts if stage.kind in (StageKind.LAYER, StageKind.STAMP) else {}
    if stage.kind is StageKind.LAYER and stage.name in graph.authorities:
        contexts["authorities"] = str(graph.authorities[stage.name])
    if stage.kind in (StageKind.LAYER, StageKind.FRAMEWORK):
        # A folder without a repository in it: then the mirror's is meant.
        contexts["packages"] = str(graph.packages.get(stage.id, located(graph.root, stage.context)))
    if stage.id in graph.downloads:
        contexts["downloads"] = str(graph.downloads[stage.id])
    for need in stage.needs:
        below = plan.stage(need)
        name = "parent" if below.kind is StageKind.LAYER else below.name
        contexts[name] = f"target:{graph.target(below)}"
    return contexts


def _stage_args(plan: Plan, stage: Stage) -> Mapping[str, str]:
    """What is only known of the whole plan goes into the stamp alone, so that it rebuilds nothing below."""
    if stage.kind is not StageKind.STAMP:
        return {}
    return {
        "VERSION": plan.version,
        "PLAN": plan.id,
        "CREATED": _rfc3339(plan.source.date),
    }


def _rfc3339(seconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
