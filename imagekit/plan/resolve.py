"""Layers in order and ids for all stages: pure but for reading the project's files, git, and an earlier build's day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from graphlib import CycleError, TopologicalSorter

from imagekit.base.errors import ConfigError
from imagekit.config.imagesfile import DistroBase, ImageBase, ImageInit, ImageSpec, StandinInit
from imagekit.config.load import IMAGES_FILE, LOCK_FILE, Project
from imagekit.config.model import Arch
from imagekit.config.packagelock import PackageLock, lock_path
from imagekit.config.packagelock import load as load_packages
from imagekit.packages.aptsource import archives_of
from imagekit.plan.asks import DISTRO, layer_packages, stale_parts, standin_packages
from imagekit.plan.given import dated
from imagekit.plan.lock import Locked, download_address, taken_downloads
from imagekit.plan.model import Plan, Source, Stage, StageKind, inputs_id
from imagekit.plan.revision import Inputs
from imagekit.plan.sources import Sources

SCRIPTS = "images/scripts"
STAMP = "images/stamp"
# Raise when the way a stage is built changes in imagekit itself, so that no earlier result is taken for a new one.
RECIPE = "3"


def make_plan(project: Project, image_name: str, *, arch: Arch | None = None, sources: Sources | None = None) -> Plan:
    """Plan one image for one architecture; raise `ConfigError` for missing layers, cycles or a wrong order.

    With `sources` what other images of the same command have read is not read again.
    """
    sources = sources or Sources(project)
    image = project.image(image_name)
    chosen = arch or image.arch[0]
    if chosen not in image.arch:
        raise ConfigError(
            f"image {image_name!r} is not declared for {chosen}", hint=f"Declared: {', '.join(image.arch)}."
        )
    _check_order(project, image_name, image)
    locked = Locked(project.lock)
    packages = load_packages(project.root, image_name, chosen.value) if project.locked else None
    stages = _bottom(sources, image, chosen, packages)
    for layer in image.layers:
        stages.append(_layer(_Layering(sources, image, chosen, locked, packages), layer, stages))
    stamp = _stamp(sources, image_name, stages, locked)
    source = dated(project.work, stamp.id, _source(sources, image, locked, packages))
    return Plan(
        image=image_name,
        family=image.family.value,
        arch=chosen.value,
        id=stamp.id,
        version=version_of(source.date, stamp.id),
        source=source,
        stages=(*stages, stamp),
        embedded=image.embedded,
        unlocked=tuple(locked.missing),
        locked=project.locked,
        stale=stale_parts(project, image_name, chosen, packages) if project.locked else (),
    )


def version_of(date: int, plan_id: str) -> str:
    """A semver unique to the inputs, e.g. ``v2026.1122.0-g1a2b3c4``: date of the sources (UTC) and plan id.

    The Kairos operator compares versions, not digests, so two different images must never share one.
    """
    day = datetime.fromtimestamp(date, UTC)
    return f"v{day.year}.{day.month * 100 + day.day}.0-g{plan_id[:7]}"


def _check_order(project: Project, name: str, image: ImageSpec) -> None:
    below: list[str] = []
    graph = {layer: set(project.layers[layer].needs) for layer in image.layers}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise ConfigError(
            f"layers need each other in a circle: {' -> '.join(reversed(error.args[1]))}",
            hint="Remove one of these `needs` in images/<layer>/layer.yaml.",
        ) from None
    for layer in image.layers:
        if layer in below:
            raise ConfigError(f"images/images.yaml: image {name!r} names layer {layer!r} twice")
        missing = [need for need in project.layers[layer].needs if need not in below]
        if missing:
            raise ConfigError(
                f"images/images.yaml: image {name!r}: layer {layer!r} needs {missing[0]!r} below it",
                hint=f"Put {missing[0]!r} before {layer!r} in `layers`.",
            )
        below.append(layer)


def _source(sources: Sources, image: ImageSpec, locked: Locked, packages: PackageLock | None) -> Source:
    root = sources.project.root
    made_of = [SCRIPTS, STAMP, *(f"images/{layer}" for layer in image.layers)]
    if isinstance(image.base, DistroBase):
        made_of.append(DISTRO)
    if isinstance(image.kairos_init, StandinInit):
        made_of.append(image.kairos_init.standin)
    if packages is not None:
        made_of.append(str(lock_path(packages.image, packages.arch)))
    # What imagekit brings has no history here; it is in the ids by its content.
    own = [path for path in made_of if (root / path).exists()] or [str(IMAGES_FILE)]
    lock = str(LOCK_FILE) if (root / LOCK_FILE).exists() else ""
    # images.yaml speaks of other images too, so it dates none of them; it belongs to the source all the same.
    committed = (*own, str(IMAGES_FILE), *([lock] if lock else []), *image.cloud_config)
    used = tuple(locked.used.values()) if lock else ()
    return sources.revision(Inputs(dated=tuple(own), committed=committed, lock=lock, locked=used))


def _bottom(sources: Sources, image: ImageSpec, arch: Arch, lock: PackageLock | None) -> list[Stage]:
    """What stands below the layers: the distribution and the framework, where they are made here."""
    stages: list[Stage] = []
    common = {"recipe": RECIPE, "arch": arch.value}
    if isinstance(image.base, DistroBase):
        inputs = {**common, "folder": sources.folder(DISTRO), "distro": image.base.distro}
        inputs |= _locked(lock, "distro") or _archives(sources.project)
        stages.append(
            Stage(
                name="distro",
                kind=StageKind.DISTRO,
                id=inputs_id(inputs),
                context=DISTRO,
                args={"DISTRO": image.base.distro},
                inputs=inputs,
                packages=lock.of_stage("distro") if lock else (),
            )
        )
    if isinstance(image.kairos_init, StandinInit):
        folder = image.kairos_init.standin
        below = {stage.name: stage.id for stage in stages}
        inputs = {**common, **below, "folder": sources.folder(folder), **_locked(lock, "kairos-init")}
        stages.append(
            Stage(
                name="kairos-init",
                kind=StageKind.FRAMEWORK,
                id=inputs_id(inputs),
                context=folder,
                needs=tuple(below),
                args={"PACKAGES": " ".join(standin_packages(sources.project, image.kairos_init))},
                inputs=inputs,
                packages=lock.of_stage("kairos-init") if lock else (),
            )
        )
    return stages


def _locked(lock: PackageLock | None, stage: str) -> dict[str, str]:
    """What a stage's packages are, for its id; nothing where they are whatever the mirror has."""
    if lock is None:
        return {}
    return {"packages": inputs_id({each.sha256: " ".join(map(str, each)) for each in lock.of_stage(stage)})}


def _archives(project: Project) -> dict[str, str]:
    """The archives beside the mirror that a floating stage takes packages from, for its id; empty without any."""
    said = "\n".join(each.stanza for each in archives_of(project.root, project.settings))
    return {"archives": inputs_id({"archives": said})} if said else {}


@dataclass(frozen=True, slots=True)
class _Layering:
    """What every layer of one image is planned from."""

    sources: Sources
    image: ImageSpec
    arch: Arch
    locked: Locked
    packages: PackageLock | None


def _layer(of: _Layering, name: str, stages: list[Stage]) -> Stage:
    first = not any(stage.kind is StageKind.LAYER for stage in stages)
    args = _layer_args(of, name, first)
    needed = [stage for stage in stages if stage.kind is StageKind.FRAMEWORK]
    needed += stages[-1:] if not first else [stage for stage in stages if stage.kind is StageKind.DISTRO]
    inputs = {
        "recipe": RECIPE,
        "arch": of.arch.value,
        "folder": of.sources.folder(f"images/{name}"),
        "scripts": of.sources.folder(SCRIPTS),
        **{f"arg {key}": value for key, value in args.items()},
        **{f"stage {stage.name}": stage.id for stage in needed},
        **of.sources.authorities(name),
        **_locked(of.packages, name),
    }
    return Stage(
        name=name,
        kind=StageKind.LAYER,
        id=inputs_id(inputs),
        context=f"images/{name}",
        needs=tuple(stage.name for stage in needed),
        args=args,
        inputs=inputs,
        downloads=_downloads(of, name, args),
        packages=of.packages.of_stage(name) if of.packages else (),
    )


def _downloads(of: _Layering, name: str, args: Mapping[str, str]) -> dict[str, str]:
    """Addresses and checksums of what is locked."""
    wanted = of.sources.project.layers[name].downloads
    return {download_address(each, args, of.arch): args[key] for key, each in wanted.items() if args.get(key)}


def _layer_args(of: _Layering, name: str, first: bool) -> dict[str, str]:
    spec, image = of.sources.project.layers[name], of.image
    packages = layer_packages(of.sources.project, image, name, of.arch)
    args = {"FAMILY": image.family.value, "PACKAGES": " ".join(packages)}
    args.update({key: image.args.get(key, default) for key, default in spec.args.items()})
    if first and isinstance(image.base, ImageBase):
        args["BASE_IMAGE"] = of.locked.image(image.base.image)
    if isinstance(image.kairos_init, ImageInit):
        args["KAIROS_INIT"] = of.locked.image(image.kairos_init.image)
    for key, download in taken_downloads(spec, image).items():
        args[key] = of.locked.checksum(download_address(download, args, of.arch))
    return args


def _stamp(sources: Sources, image_name: str, stages: list[Stage], locked: Locked) -> Stage:
    project = sources.project
    image, top = project.image(image_name), stages[-1]
    layers = [stage for stage in stages if stage.kind is StageKind.LAYER]
    declared = {key: layer.args[key] for layer in layers for key in project.layers[layer.name].args}
    args = {
        **{key: top.args[key] for key in ("FAMILY", "KAIROS_INIT") if key in top.args},
        **declared,
        **_base_labels(image, stages),
        "TITLE": image_name,
        "DESCRIPTION": image.description,
        "STATE": " ".join(project.state_of(image)),
    }
    named = {stage.name: stage.inputs["packages"] for stage in stages if "packages" in stage.inputs}
    if locked.used or named:
        args["LOCK"] = inputs_id({**locked.used, **named})
    inputs = {
        "recipe": RECIPE,
        "folder": sources.folder(STAMP),
        "scripts": sources.folder(SCRIPTS),
        **{f"arg {key}": value for key, value in args.items()},
        f"stage {top.name}": top.id,
    }
    return Stage(
        name="stamp",
        kind=StageKind.STAMP,
        id=inputs_id(inputs),
        context=STAMP,
        needs=(*(need for need in top.needs if need == "kairos-init"), top.name),
        args=args,
        inputs=inputs,
    )


def _base_labels(image: ImageSpec, stages: list[Stage]) -> dict[str, str]:
    """https://github.com/opencontainers/image-spec/blob/main/annotations.md#pre-defined-annotation-keys"""
    if isinstance(image.base, DistroBase):
        return {"BASE_NAME": f"debian:{image.base.distro}"}
    base = next(stage.args["BASE_IMAGE"] for stage in stages if "BASE_IMAGE" in stage.args)
    name, _, digest = base.partition("@")
    return {"BASE_NAME": name, "BASE_DIGEST": digest}
