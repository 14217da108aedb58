"""The proof that everything declared in layer.yaml is in the finished artifact, looked up there and not in a log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imagekit.artifact.inventory import Inventory
from imagekit.artifact.packages import installed_packages
from imagekit.base.errors import RefusedError
from imagekit.config.load import Project
from imagekit.config.model import Arch, Family, LayerSpec

_UNIT_FOLDERS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_BUNDLES = {
    Family.DEBIAN: "/etc/ssl/certs/ca-certificates.crt",
    Family.RHEL: "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
}
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


def require_present(project: Project, image_name: str, inventory: Inventory, *, arch: Arch = Arch.AMD64) -> int:
    """Look up all that the layers of an image declare; returns how many things were found.

    Raises `AbsentError` that lists what is not there.
    """
    image = project.image(image_name)
    absent: list[Absence] = []
    count = 0
    for name in image.layers:
        layer = project.layers[name]
        expected = list(_expected(layer, image.family, arch, project.located(f"images/{name}"), inventory))
        count += len(expected)
        absent += [Absence(name, kind, what) for kind, what, found in expected if not found]
    if absent:
        raise AbsentError(
            f"{image_name}: {len(absent)} of {count} declared things are not in the artifact: {absent[0]}",
            hint="\n".join(str(each) for each in absent[:20])
            + "\nBuild it into the layer, or correct `present` in images/<layer>/layer.yaml.",
        )
    return count


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
    for unit in layer.present.masked:
        yield "mask of unit", unit, _masked(inventory, unit)
    modules = _modules(inventory) if layer.present.modules else set()
    for module in layer.present.modules:
        yield "kernel module", module, module.replace("-", "_") in modules
    yield from _certificates(layer, folder, inventory.data(_BUNDLES[family]))
    kept = inventory.text(STATE_FILE).replace('"', " ").split()
    for path in layer.state:
        node = inventory.nodes.get(inventory.resolve(path) or "")
        yield "state", path, node is not None and node.kind == "d" and path in kept
    arguments = inventory.text("/etc/cos/bootargs.cfg").replace('"', " ").split()
    for argument in layer.present.kernel_args:
        yield "kernel argument", argument, argument in arguments


def _there(inventory: Inventory, path: str) -> bool:
    """A unit may be a link to a name that only exists at run time, so the link itself counts."""
    return path.lstrip("/") in inventory.paths or inventory.resolve(path) is not None


def _masked(inventory: Inventory, unit: str) -> bool:
    """Whether systemd can never start a unit: systemctl(1), mask; or it is not there."""
    if inventory.links.get(f"{_UNIT_FOLDERS[0]}/{unit}".lstrip("/")) == "/dev/null":
        return True
    return not any(_there(inventory, f"{place}/{unit}") for place in _UNIT_FOLDERS)


def _modules(inventory: Inventory) -> set[str]:
    names: set[str] = set()
    for _, text in inventory.matching(r"(usr/)?lib/modules/[^/]+/modules\.(dep|builtin)"):
        for line in text.splitlines():
            file = line.partition(":")[0].rpartition("/")[2]
            names.add(file.partition(".ko")[0].replace("-", "_"))
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
