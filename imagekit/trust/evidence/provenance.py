"""SLSA provenance v1: what an image was made of, and by what.

https://slsa.dev/spec/v1.0/provenance. The level is SLSA Build L1: the provenance is there and says how the image was
made, and the one who built it also wrote and signed it. That holds for a run on GitHub Actions too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imagekit.oci.reference import Digest
from imagekit.plan.model import Plan, StageKind
from imagekit.trust.evidence.statement import PROVENANCE_TYPE, Statement

BUILD_TYPE = "urn:imagekit:build:v1"
LOCAL_BUILDER = "urn:imagekit:builder:local:v1"
GITHUB_BUILDER = "urn:imagekit:builder:github-actions:v1"
BUILD_LEVEL = 1
_DIRTY = "-dirty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One run of the build: who built, the run's id, when it began, versions of the parts."""

    builder: str
    id: str
    started: datetime
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a provenance says; `embedded` is None where it does not say on what framework the image stands."""

    builder: str
    image: str
    plan: str
    revision: str
    dirty: bool
    embedded: bool | None
    arch: str = ""
    version: str = ""


def provenance_statement(digest: Digest, plan: Plan, invocation: Invocation, *, name: str = "") -> Statement:
    """State how a plan was built; the same plan and invocation give the same bytes."""
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "image": plan.image,
                "arch": plan.arch,
                "plan": plan.id,
                "version": plan.version,
                "framework": "stand-in" if plan.embedded else "kairos-init",
                "arguments": {stage.name: dict(sorted(stage.args.items())) for stage in plan.stages},
            },
            "internalParameters": {"sourceDateEpoch": plan.source.epoch},
            "resolvedDependencies": _dependencies(plan),
        },
        "runDetails": {
            "builder": {"id": invocation.builder, "version": dict(sorted(invocation.versions.items()))},
            "metadata": {
                "invocationId": invocation.id,
                "startedOn": invocation.started.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            },
        },
    }
    return Statement(subject=digest, predicate_type=PROVENANCE_TYPE, predicate=predicate, name=name)


def read_provenance(statement: Statement) -> Made | None:
    """What a provenance of our build type says; None when it lacks what SLSA v1 asks for."""
    definition, run = statement.predicate.get("buildDefinition"), statement.predicate.get("runDetails")
    if not isinstance(definition, dict) or not isinstance(run, dict):
        return None
    given, builder = definition.get("externalParameters"), run.get("builder")
    if not isinstance(given, dict) or not isinstance(builder, dict) or not isinstance(builder.get("id"), str):
        return None
    if definition.get("buildType") != BUILD_TYPE or not all(
        isinstance(given.get(key), str) for key in ("image", "plan")
    ):
        return None
    framework = given.get("framework")
    revision, dirty = _source(definition.get("resolvedDependencies"))
    return Made(
        builder=builder["id"],
        image=given["image"],
        plan=given["plan"],
        revision=revision,
        dirty=dirty,
        embedded={"stand-in": True, "kairos-init": False}.get(str(framework)),
        arch=_text(given.get("arch")),
        version=_text(given.get("version")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _source(dependencies: object) -> tuple[str, bool]:
    """The commit that was built from, and whether there were changes beside it; any source that says so makes it so."""
    entries = [entry for entry in dependencies if isinstance(entry, dict)] if isinstance(dependencies, list) else []
    sources = [entry for entry in entries if entry.get("name") == "source"]
    if len(sources) != 1 or not isinstance(sources[0].get("digest"), dict):
        return "", False
    annotations = sources[0].get("annotations")
    clean = isinstance(annotations, dict) and annotations.get("dirty") == "false"
    return str(sources[0]["digest"].get("gitCommit", "")), not clean


def _dependencies(plan: Plan) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    revision = plan.source.revision.removesuffix(_DIRTY)
    if len(revision) == 40:
        dirty = "true" if plan.source.revision.endswith(_DIRTY) else "false"
        found.append({"name": "source", "digest": {"gitCommit": revision}, "annotations": {"dirty": dirty}})
    found += _pinned(plan, "base", "BASE_IMAGE") + _pinned(plan, "kairos-init", "KAIROS_INIT")
    for stage in plan.stages:
        if stage.kind in (StageKind.DISTRO, StageKind.FRAMEWORK):
            found.append(_made_here(stage.name, stage.id))
    locks = sorted({stage.args["LOCK"] for stage in plan.stages if "LOCK" in stage.args})
    found += [{"name": "images.lock", "digest": {"sha256": lock}} for lock in locks]
    return found


def _pinned(plan: Plan, name: str, argument: str) -> list[dict[str, Any]]:
    """A base that is named by digest in a build argument."""
    values: Sequence[str] = sorted(
        {stage.args[argument] for stage in plan.stages if "@sha256:" in stage.args.get(argument, "")}
    )
    return [
        {"name": name, "uri": f"oci://{value.partition('@')[0]}", "digest": {"sha256": value.rpartition(":")[2]}}
        for value in values
    ]


def _made_here(name: str, stage_id: str) -> dict[str, Any]:
    """A base that a stage of the plan makes: its id is a hash over all of its inputs."""
    return {"name": name, "uri": f"urn:imagekit:stage:{name}", "digest": {"sha256": stage_id}}
