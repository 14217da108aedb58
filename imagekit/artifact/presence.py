"""The proof that everything declared in layer.yaml is in the finished artifact, looked up there and not in a log."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from imagekit.artifact.initrdcheck import drivers_in
from imagekit.artifact.inventory import Inventory
from imagekit.artifact.packages import installed_packages
from imagekit.base.errors import ConfigError, RefusedError
from imagekit.config.imagesfile import ImageSpec
from imagekit.config.layerfile import LayerSpec, Replaces
from imagekit.config.load import Project
from imagekit.config.model import Arch, Family

_UNIT_FOLDERS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_BUNDLES = {
    Family.DEBIAN: "/etc/ssl/certs/ca-certificates.crt",
    Family.RHEL: "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
}
_LISTED = 20  # absent things that an error names
_SORTS = {"enabled unit": "unit"}  # as `replaces` calls them
STATE_FILE = "/system/oem/36_imagekit_state.yaml"  # images/scripts/declare-state.sh


class AbsentError(RefusedError):
    """Something declared is not in the artifact."""


@dataclass(frozen=True, slots=True)
class Absence:
    """One declared thing that was not found."""

    layer: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.layer}: {self.kind} {self.name}"

    @property
    def paths(self) -> frozenset[str]:
        """Paths (without leading slash) one of which a layer takes away that takes this away."""
        match self.kind:
            case "package":
                # Of a removed package whose settings it left dpkg keeps the list, and not the sums.
                names = (self.name, f"{self.name}:amd64", f"{self.name}:arm64")
                lists = {f"var/lib/dpkg/info/{name}.{kind}" for name in names for kind in ("list", "md5sums")}
                return frozenset({*lists, f"usr/share/doc/{self.name}"})
            case "unit":
                return frozenset(f"{place}/{self.name}".lstrip("/") for place in _UNIT_FOLDERS)
            case "enabled unit":
                targets = ("multi-user", "sysinit", "basic", "sockets", "timers", "network-online")
                return frozenset(f"etc/systemd/system/{each}.target.wants/{self.name}" for each in targets)
            case "module file":
                return frozenset({self.name.partition("(/")[2].rstrip(")")})
            case _:
                return frozenset({self.name.lstrip("/")})


def require_present(
    project: Project,
    image_name: str,
    inventory: Inventory,
    *,
    arch: Arch = Arch.AMD64,
    removed_by: Callable[[Absence], str] = lambda _: "",
) -> int:
    """Look up all that the layers of an image declare, and no later layer takes back; returns how many were found.

    `removed_by` names the layer that took a thing away, where that can be told. Raises `AbsentError` that lists what is
    not there, and `ConfigError` for a `replaces` that takes back what nobody declares.
    """
    image = project.image(image_name)
    absent: list[Absence] = []
    count = 0
    taken_back = replaced(project, image)
    for name in image.layers:
        layer = project.layers[name]
        expected = [
            (kind, what, found)
            for kind, what, found in _expected(layer, image.family, arch, project.located(f"images/{name}"), inventory)
            if name not in taken_back.get((_SORTS.get(kind, kind), what), ())
        ]
        count += len(expected)
        absent += [Absence(name, kind, what) for kind, what, found in expected if not found]
    if absent:
        raise _absent(image_name, count, absent, removed_by)
    return count


def _absent(image_name: str, count: int, absent: list[Absence], removed_by: Callable[[Absence], str]) -> AbsentError:
    lines = []
    for each in absent[:_LISTED]:
        by = removed_by(each)
        lines.append(f"{each}, removed by layer {by}" if by else str(each))
    takers = sorted({line.rpartition(" ")[2] for line in lines if "removed by layer" in line})
    on_purpose = f"\nRemoved on purpose? Name it under `replaces` in images/{takers[0]}/layer.yaml." if takers else ""
    return AbsentError(
        f"{image_name}: {len(absent)} of {count} declared things are not in the artifact: {lines[0]}",
        hint="\n".join(lines)
        + "\nBuild it into the layer, or correct `present` in images/<layer>/layer.yaml."
        + on_purpose,
    )


def replaced(project: Project, image: ImageSpec) -> dict[tuple[str, str], frozenset[str]]:
    """What is taken back by `replaces`: kind and name, with the layers that no longer have to bring it.

    Raises `ConfigError` for what no layer below declares, for whatever family: it would take back a typing mistake.
    """
    found: dict[tuple[str, str], frozenset[str]] = {}
    for place, name in enumerate(image.layers):
        below = image.layers[:place]
        for kind, what in _taken(project.layers[name].replaces):
            if not any(what in _declared(project.layers[each], kind) for each in below):
                raise ConfigError(
                    f"images/{name}/layer.yaml: replaces: no layer below {name} declares {kind} {what}",
                    hint=f"Layers below it: {', '.join(below) or 'none'}.",
                )
            found[kind, what] = found.get((kind, what), frozenset()) | frozenset(below)
    return found


def _taken(replaces: Replaces) -> Iterator[tuple[str, str]]:
    for kind, names in (("package", replaces.packages), ("file", replaces.files), ("unit", replaces.units)):
        yield from ((kind, name) for name in names)


def _declared(layer: LayerSpec, kind: str) -> set[str]:
    match kind:
        case "package":
            return {each for family in Family for arch in Arch for each in layer.expected_packages(family, arch)}
        case "file":
            return set(layer.present.files)
        case _:
            return {*layer.present.units, *layer.present.enabled}


def _expected(
    layer: LayerSpec, family: Family, arch: Arch, folder: Path, inventory: Inventory
) -> Iterable[tuple[str, str, bool]]:
    packages = {package.name for package in installed_packages(inventory, family)}
    for package in layer.expected_packages(family, arch):
        yield "package", package, package in packages
    for path in layer.present.files:
        yield "file", path, inventory.resolve(path) is not None
    for unit in layer.present.units:
        yield "unit", unit, any(_there(inventory, f"{place}/{unit}") for place in _UNIT_FOLDERS)
    for unit in layer.present.enabled:
        yield "enabled unit", unit, _enabled(inventory, unit)
    for unit in layer.present.masked:
        yield "mask of unit", unit, _masked(inventory, unit)
    modules = _modules(inventory) if layer.present.modules else {}
    for module in layer.present.modules:
        yield from _module(module, modules, inventory)
    yield from _drivers(layer.expected_drivers(family, arch), inventory)
    yield from _certificates(layer, folder, inventory.data(_BUNDLES[family]))
    kept = inventory.text(STATE_FILE).replace('"', " ").split()
    for path in layer.state:
        node = inventory.nodes.get(inventory.resolve(path) or "")
        yield "state", path, node is not None and node.kind == "d" and path in kept
    arguments = inventory.text("/etc/cos/bootargs.cfg").replace('"', " ").split()
    for argument in layer.present.kernel_args:
        yield "kernel argument", argument, argument in arguments


def _module(module: str, known: dict[str, str], inventory: Inventory) -> Iterator[tuple[str, str, bool]]:
    """A module that is listed and whose file is gone would be found missing by the first boot."""
    file = known.get(module.replace("-", "_"))
    if file:
        yield "module file", f"{module} (/{file})", inventory.resolve(file) is not None
    else:
        yield "kernel module", module, file is not None


def _drivers(wanted: tuple[str, ...], inventory: Inventory) -> Iterator[tuple[str, str, bool]]:
    """Without them the node finds no disk where it is installed, which no machine of another kind would show."""
    if not wanted:
        return
    builtin = {name for name, file in _modules(inventory).items() if not file}
    initrd = inventory.data("/boot/initrd")
    there = builtin | (drivers_in(initrd) if initrd else frozenset())
    yield from (("driver in the initrd", name, name.replace("-", "_") in there) for name in wanted)


def _enabled(inventory: Inventory, unit: str) -> bool:
    """Whether some unit wants it when the node starts (systemd.unit(5), .wants and .requires), and it is not masked."""
    if inventory.links.get(f"{_UNIT_FOLDERS[0]}/{unit}".lstrip("/")) == "/dev/null":
        return False
    wanted = re.compile(rf"(etc|usr/lib|lib)/systemd/system/[^/]+\.(wants|requires|upholds)/{re.escape(unit)}")
    return any(wanted.fullmatch(path) for path in inventory.links)


def _there(inventory: Inventory, path: str) -> bool:
    """A unit may be a link to a name that only exists at run time, so the link itself counts."""
    return path.lstrip("/") in inventory.paths or inventory.resolve(path) is not None


def _masked(inventory: Inventory, unit: str) -> bool:
    """Whether systemd can never start a unit: systemctl(1), mask; or it is not there."""
    if inventory.links.get(f"{_UNIT_FOLDERS[0]}/{unit}".lstrip("/")) == "/dev/null":
        return True
    return not any(_there(inventory, f"{place}/{unit}") for place in _UNIT_FOLDERS)


def _modules(inventory: Inventory) -> dict[str, str]:
    """Every module that the kernel's lists name, with its file; without one where it is built in."""
    names: dict[str, str] = {}
    for where, text in inventory.matching(r"(usr/)?lib/modules/[^/]+/modules\.(dep|builtin)"):
        for line in text.splitlines():
            file = line.partition(":")[0]
            name = file.rpartition("/")[2].partition(".ko")[0].replace("-", "_")
            names[name] = f"{where.rpartition('/')[0]}/{file}" if where.endswith(".dep") else ""
    return names


def _certificates(layer: LayerSpec, folder: Path, bundle: bytes) -> Iterable[tuple[str, str, bool]]:
    """Looked up byte for byte in the bundle that the programs of the node read."""
    if not layer.present.certificates:
        return
    from imagekit.config.authorities import read_authorities
    from imagekit.config.certfile import bundle_certificates

    held = bundle_certificates(bundle)
    for authority in read_authorities(folder, layer.present.certificates):
        yield "certificate", str(authority), authority.der in held
