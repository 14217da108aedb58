"""Which packages each stage of an image asks for, as a resolver takes them: pure but for reading files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from imagekit.config.imagesfile import DistroBase, DistroFile, ImageInit, ImageSpec, StandinFile, StandinInit
from imagekit.config.load import Project, parse_file
from imagekit.config.model import Arch
from imagekit.config.packagelock import LockedAuthority, PackageLock, lock_path
from imagekit.packages.interface import Ask

DISTRO = "images/distro"
_STANDIN_FILE = "standin.yaml"
# What mmdebstrap(1) installs for a variant beside what is included; as apt's patterns, apt-patterns(7).
_VARIANTS: Mapping[str, tuple[str, ...]] = {
    "essential": ("?essential",),
    "apt": ("?essential", "apt"),
    "minbase": ("?essential", "apt"),
    "buildd": ("?essential", "apt", "build-essential"),
    "required": ("?essential", "apt", "?priority(required)"),
    "important": ("?essential", "apt", "?priority(required)", "?priority(important)"),
    "standard": ("?essential", "apt", "?priority(required)", "?priority(important)", "?priority(standard)"),
}


def distro_file(project: Project) -> DistroFile:
    """What mmdebstrap is asked for."""
    return parse_file(DistroFile, project.located(DISTRO) / "distro.yaml")


def standin_packages(project: Project, init: StandinInit) -> tuple[str, ...]:
    """What building the stand-in installs; none where its folder does not say."""
    path = project.located(init.standin) / _STANDIN_FILE
    return parse_file(StandinFile, path).build_packages if path.exists() else ()


def layer_packages(project: Project, image: ImageSpec, layer: str, arch: Arch) -> tuple[str, ...]:
    """What a layer installs: its own, and in the first one what the framework would fetch by itself."""
    own = project.layers[layer].packages_of(image.family, arch)
    init = image.kairos_init
    more = init.packages if isinstance(init, ImageInit) and layer == image.layers[0] else ()
    return (*own, *(name for name in more if name not in own))


def asks_of(project: Project, name: str, arch: Arch) -> tuple[Ask, ...]:
    """The stages of an image that install packages, from the bottom up."""
    image, below = project.image(name), ""
    asks: list[Ask] = []
    if isinstance(image.base, DistroBase):
        spec = distro_file(project)
        asks.append(Ask("distro", "", spec.include, _VARIANTS[spec.variant]))
        below = "distro"
    if isinstance(image.kairos_init, StandinInit):
        asks.append(Ask("kairos-init", below, standin_packages(project, image.kairos_init)))
    for layer in image.layers:
        asks.append(Ask(layer, below, layer_packages(project, image, layer, arch)))
        below = layer
    return tuple(asks)


def locked_authorities(project: Project, name: str) -> tuple[LockedAuthority, ...]:
    """The certificates that an image's layers add, as a lock names them; raises `ConfigError` for a bad one."""
    from imagekit.config.authorities import read_authorities  # with cryptography, which `imagekit check` does not need

    found = []
    for layer in project.image(name).layers:
        if patterns := project.layers[layer].present.certificates:
            for each in read_authorities(project.located(f"images/{layer}"), patterns):
                subject = " ".join(each.certificate.subject.rfc4514_string().split()) or "-"
                found.append(LockedAuthority(layer, each.fingerprint, subject))
    return tuple(sorted(found))


def stale_parts(project: Project, name: str, arch: Arch, lock: PackageLock | None) -> tuple[str, ...]:
    """Where a lock does not cover what the project declares now, each as a few words; empty when it does."""
    return tuple(_stale(project, name, arch, lock))


def _stale(project: Project, name: str, arch: Arch, lock: PackageLock | None) -> Iterator[str]:
    if lock is None:
        yield f"there is no {lock_path(name, arch.value)}"
        return
    asks = asks_of(project, name, arch)
    for ask in asks:
        wanted, locked = {*ask.packages}, {*lock.asked.get(ask.stage, ())}
        if ask.stage not in lock.asked:
            yield f"{ask.stage} is not in it"
        elif wanted - locked:
            yield f"{ask.stage} asks for {', '.join(sorted(wanted - locked))}"
        elif locked - wanted:
            yield f"{ask.stage} does not ask for {', '.join(sorted(locked - wanted))} any more"
    for stage in lock.asked.keys() - {ask.stage for ask in asks}:
        yield f"{stage} is no part of the image any more"
    now, then = set(locked_authorities(project, name)), set(lock.authorities)
    yield from (f"authority {each.subject} ({each.sha256[:12]}) was added" for each in sorted(now - then))
    yield from (f"authority {each.subject} ({each.sha256[:12]}) was removed" for each in sorted(then - now))
