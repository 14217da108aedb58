"""What is declared is looked up in the artifact; each kind of thing that is missing is named."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from imagekit.artifact.inventory import Inventory, take_inventory
from imagekit.artifact.packages import installed_packages
from imagekit.artifact.presence import AbsentError, require_present
from imagekit.config.load import Project, load_project
from imagekit.oci.errors import ImageContentError
from tests.support.authorities import Authority, certificate
from tests.support.layout import directory, layer, layout, member, symlink
from tests.support.project import make_project

PEM = certificate(Authority(name="corp"), ec.generate_private_key(ec.SECP256R1()))
STATUS = "\n".join(
    f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"
    for name in ("less", "nano", "tree")
)
PRESENT = """\
present:
  files: [/bin/tool, /etc/there]
  units: [tool.service]
  modules: [ip_vs, overlay]
  certificates: ["files/*.pem"]
  kernel_args: [panic=5]
  masked: [rpcbind.socket, nowhere.service]
state: [/etc/there.d]
"""
STATE = b'        CUSTOM_BIND_MOUNTS: "/etc/other /etc/there.d"\n'
ROOT = {
    "etc/there": b"",
    "usr/bin/tool": b"",
    "usr/lib/systemd/system/tool.service": b"",
    "usr/lib/systemd/system/rpcbind.socket": b"",
    "usr/lib/modules/6.1/modules.dep": b"kernel/net/ip_vs.ko.xz: kernel/lib/x.ko.xz\n",
    "usr/lib/modules/6.1/modules.builtin": b"kernel/fs/overlay.ko\n",
    "etc/ssl/certs/ca-certificates.crt": b"# Z\xfcrich\n" + PEM.replace("\n", "\r\n").encode(),
    "etc/there.d/file": b"",
    "system/oem/36_imagekit_state.yaml": STATE,
    "etc/cos/bootargs.cfg": b'set kernelcmd="console=ttyS0 panic=5"\n',
    "var/lib/dpkg/status": STATUS.encode(),
    "usr/lib/os-release": b'ID=debian\nVERSION_ID="13"\n',
}


def inventory_of(folder: Path, files: dict[str, bytes], *, masked: bool = True) -> Inventory:
    members = [directory("usr"), directory("etc/there.d"), symlink("bin", "usr/bin")]
    members.append(symlink("etc/os-release", "../usr/lib/os-release"))
    if masked:
        members.append(symlink("etc/systemd/system/rpcbind.socket", "/dev/null"))
    digest = layout(folder, [layer(*members, *(member(name, data) for name, data in files.items()))])
    return take_inventory(folder, digest)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = make_project(tmp_path / "project")
    path = root / "images/base/layer.yaml"
    path.write_text(path.read_text() + PRESENT)
    (root / "images/base/files").mkdir()
    (root / "images/base/files/corp.pem").write_text(PEM)
    return load_project(root)


def test_all_of_it_is_found(tmp_path: Path, project: Project) -> None:
    inventory = inventory_of(tmp_path / "oci", ROOT)
    assert require_present(project, "small-node", inventory) == 2 + 2 + 1 + 2 + 1 + 1 + 1 + 1 + 2
    packages = installed_packages(inventory, project.image("small-node").family)
    assert [(package.name, package.distro) for package in packages] == [
        ("less", "debian-13"),
        ("nano", "debian-13"),
        ("tree", "debian-13"),
    ]


def test_a_unit_that_is_not_masked_is_told(tmp_path: Path, project: Project) -> None:
    with pytest.raises(AbsentError, match=r"base: mask of unit rpcbind\.socket"):
        require_present(project, "small-node", inventory_of(tmp_path / "oci", ROOT, masked=False))


@pytest.mark.parametrize("place", ["etc/systemd/system", "lib/systemd/system"])
def test_a_unit_of_another_folder_is_not_masked_either(tmp_path: Path, project: Project, place: str) -> None:
    files = {**ROOT, f"{place}/nowhere.service": b"[Service]"}
    with pytest.raises(AbsentError, match=r"base: mask of unit nowhere\.service"):
        require_present(project, "small-node", inventory_of(tmp_path / "oci", files))


MISSING = {
    "package": ("var/lib/dpkg/status", STATUS.replace("nano", "vim").encode(), "base: package nano"),
    "file": ("etc/there", None, "base: file /etc/there"),
    "file behind a link": ("usr/bin/tool", None, "base: file /bin/tool"),
    "unit": ("usr/lib/systemd/system/tool.service", None, "base: unit tool.service"),
    "loadable module": ("usr/lib/modules/6.1/modules.dep", b"", "base: kernel module ip_vs"),
    "built-in module": ("usr/lib/modules/6.1/modules.builtin", b"", "base: kernel module overlay"),
    "certificate": ("etc/ssl/certs/ca-certificates.crt", b"", "base: certificate corp.pem, certificate 1 (CN=corp)"),
    "another certificate": (
        "etc/ssl/certs/ca-certificates.crt",
        certificate(Authority(name="corp"), ec.generate_private_key(ec.SECP256R1())).encode(),
        "base: certificate corp.pem",
    ),
    "state": ("system/oem/36_imagekit_state.yaml", STATE.replace(b"there.d", b"there"), "base: state /etc/there.d"),
    "kernel argument": ("etc/cos/bootargs.cfg", b"panic=50", "base: kernel argument panic=5"),
}


@pytest.mark.parametrize(("path", "data", "says"), MISSING.values(), ids=MISSING)
def test_what_is_missing_is_named(tmp_path: Path, project: Project, path: str, data: bytes | None, says: str) -> None:
    files = {name: found for name, found in ROOT.items() if name != path} | ({path: data} if data is not None else {})
    with pytest.raises(AbsentError) as caught:
        require_present(project, "small-node", inventory_of(tmp_path / "oci", files))
    assert says in str(caught.value)
    assert caught.value.exit_code == 1


def test_an_altered_layer_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "oci"
    digest = layout(folder, [layer(member("etc/there", b"x" * 4000))])
    names = {path: path.read_bytes() for path in (folder / "blobs/sha256").iterdir()}
    blob = next(path for path, data in names.items() if not data.startswith(b"{"))
    blob.write_bytes(names[blob][:-1] + bytes([names[blob][-1] ^ 1]))
    with pytest.raises(ImageContentError):
        take_inventory(folder, digest)


def test_links_in_a_circle_lead_nowhere(tmp_path: Path) -> None:
    digest = layout(tmp_path, [layer(symlink("a", "b"), symlink("b", "a"))])
    assert take_inventory(tmp_path, digest).resolve("/a") is None
