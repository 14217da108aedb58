"""What is declared is looked up in the artifact; each kind of thing that is missing is named."""

import gzip
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from imagekit.artifact import cpio
from imagekit.artifact.errors import NotBootableError
from imagekit.artifact.inventory import Inventory, take_inventory
from imagekit.artifact.packages import installed_packages
from imagekit.artifact.presence import Absence, AbsentError, require_present
from imagekit.artifact.removed import names_of_blobs, remover, whiteouts, writer
from imagekit.base.errors import ConfigError
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
  initrd: {debian: [{amd64: vmw_pvscsi, arm64: hv_storvsc}, overlay], rhel: [mpt3sas]}
state: [/etc/there.d]
"""
STATE = b'        CUSTOM_BIND_MOUNTS: "/etc/other /etc/there.d"\n'
INITRD = "usr/lib/modules/6.1/kernel/drivers/scsi/vmw_pvscsi.ko.xz"
ROOT = {
    "boot/initrd": gzip.compress(cpio.archive([cpio.file(INITRD, b"")]), mtime=0),
    "etc/there": b"",
    "usr/bin/tool": b"",
    "usr/lib/systemd/system/tool.service": b"",
    "usr/lib/systemd/system/rpcbind.socket": b"",
    "usr/lib/modules/6.1/modules.dep": b"kernel/net/ip_vs.ko.xz: kernel/lib/x.ko.xz\n",
    "usr/lib/modules/6.1/kernel/net/ip_vs.ko.xz": b"",
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
    assert require_present(project, "small-node", inventory) == 2 + 2 + 1 + 2 + 1 + 1 + 1 + 1 + 2 + 2
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


REPLACES = "version: 1\nname: extra\nneeds: [base]\npackages:\n  debian: [tree]\n"


@pytest.mark.parametrize(
    "link", [None, "etc/systemd/system/multi-user.target.wants", "usr/lib/systemd/system/x.requires"]
)
@pytest.mark.parametrize("masked", [False, True])
def test_an_enabled_unit_is_wanted_by_another_and_not_masked(
    tmp_path: Path, project: Project, link: str | None, masked: bool
) -> None:
    spec = project.root / "images/base/layer.yaml"
    spec.write_text(spec.read_text().replace("  units: [", "  enabled: [tool.service]\n  units: ["))
    members = [directory("usr"), directory("etc/there.d"), symlink("bin", "usr/bin")]
    members += [
        symlink("etc/os-release", "../usr/lib/os-release"),
        symlink("etc/systemd/system/rpcbind.socket", "/dev/null"),
    ]
    members += [symlink(f"{link}/tool.service", "/usr/lib/systemd/system/tool.service")] if link else []
    members += [symlink("etc/systemd/system/tool.service", "/dev/null")] if masked else []
    digest = layout(tmp_path / "oci", [layer(*members, *(member(name, data) for name, data in ROOT.items()))])
    inventory = take_inventory(tmp_path / "oci", digest)
    if link and not masked:
        require_present(load_project(project.root), "small-node", inventory)
        return
    with pytest.raises(AbsentError, match=r"base: enabled unit tool\.service"):
        require_present(load_project(project.root), "small-node", inventory)


def test_a_module_that_is_listed_and_has_no_file_is_told(tmp_path: Path, project: Project) -> None:
    """A list alone passed, and the check on the node found it three minutes later."""
    files = {name: data for name, data in ROOT.items() if not name.endswith("ip_vs.ko.xz")}
    with pytest.raises(AbsentError, match=r"base: module file ip_vs \(/usr/lib/modules/6.1/kernel/net/ip_vs"):
        require_present(project, "small-node", inventory_of(tmp_path / "oci", files))


@pytest.mark.parametrize("other", [b"", gzip.compress(cpio.archive([cpio.file("init", b"")]), mtime=0)])
def test_a_driver_that_the_initrd_lacks_is_named(tmp_path: Path, project: Project, other: bytes) -> None:
    """debian-node had no vmw_pvscsi and no hv_storvsc there: on vSphere and Hyper-V it would have found no disk."""
    with pytest.raises(AbsentError, match=r"1 of 15 declared things .* base: driver in the initrd vmw_pvscsi"):
        require_present(project, "small-node", inventory_of(tmp_path / "oci", {**ROOT, "boot/initrd": other}))


def test_a_damaged_initrd_is_no_pass(tmp_path: Path, project: Project) -> None:
    with pytest.raises(NotBootableError, match="is damaged"):
        require_present(project, "small-node", inventory_of(tmp_path / "oci", {**ROOT, "boot/initrd": b"\x1f\x8bxx"}))


def taking_back(project: Project, text: str) -> Project:
    (project.root / "images/extra/layer.yaml").write_text(REPLACES + text)
    return load_project(project.root)


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("replaces: {files: [/etc/there]}\n", "etc/there"),
        ("replaces: {units: [tool.service]}\n", "usr/lib/systemd/system/tool.service"),
    ],
)
def test_a_layer_takes_back_what_another_declared(tmp_path: Path, project: Project, text: str, gone: str) -> None:
    inventory = inventory_of(tmp_path / "oci", {name: data for name, data in ROOT.items() if name != gone})
    with pytest.raises(AbsentError):
        require_present(project, "small-node", inventory)
    require_present(taking_back(project, text), "small-node", inventory)


def test_a_layer_takes_back_a_package(tmp_path: Path, project: Project) -> None:
    status = ROOT["var/lib/dpkg/status"].replace(b"Package: nano", b"Package: other")
    inventory = inventory_of(tmp_path / "oci", {**ROOT, "var/lib/dpkg/status": status})
    require_present(taking_back(project, "replaces: {packages: [nano]}\n"), "small-node", inventory)


@pytest.mark.parametrize(
    "text", ["replaces: {packages: [nanoo]}\n", "replaces: {packages: [tree]}\n", "replaces: {units: [x.service]}\n"]
)
def test_what_nobody_below_declares_cannot_be_taken_back(tmp_path: Path, project: Project, text: str) -> None:
    with pytest.raises(ConfigError, match=r"images/extra/layer\.yaml: replaces: no layer below extra declares"):
        require_present(taking_back(project, text), "small-node", inventory_of(tmp_path / "oci", ROOT))


def test_the_layer_that_removed_it_is_named_with_the_way_out(tmp_path: Path, project: Project) -> None:
    inventory = inventory_of(tmp_path / "oci", {name: data for name, data in ROOT.items() if name != "etc/there"})
    with pytest.raises(AbsentError, match="base: file /etc/there, removed by layer extra") as caught:
        require_present(project, "small-node", inventory, removed_by=lambda absence: "extra")
    assert "Name it under `replaces` in images/extra/layer.yaml" in caught.value.hint


def test_a_whiteout_names_its_blob(tmp_path: Path) -> None:
    bottom = layer(directory("var"), member("var/lib/dpkg/info/nano.list", b""), member("etc/there", b""))
    digest = layout(
        tmp_path,
        [
            bottom,
            layer(member("var/lib/dpkg/info/.wh.nano.list", b"")),
            layer(member("var/lib/dpkg/info/.wh.pico.md5sums", b"")),
        ],
    )
    gone = whiteouts(tmp_path, digest)
    blobs = tuple(blob for blob, _ in gone)
    assert remover(gone, Absence("base", "package", "nano").paths) == blobs[1]
    assert remover(gone, Absence("base", "file", "/etc/there").paths) is None
    assert remover(gone, Absence("base", "package", "pico").paths) == blobs[2], (
        "removed, its list kept for its settings"
    )
    names = names_of_blobs(blobs, {str(blobs[0]): "base", str(blobs[2]): "extra"})
    assert [names[blob] for blob in blobs] == ["base", "extra", "extra"]


def test_the_blob_that_wrote_a_file_last_is_found(tmp_path: Path) -> None:
    first = layer(directory("boot"), member("boot/initrd", b"whole"))
    digest = layout(tmp_path, [first, layer(member("boot/initrd", b"half")), layer(member("x", b""))])
    blobs = tuple(blob for blob, _ in whiteouts(tmp_path, digest))
    assert writer(tmp_path, digest, "boot/initrd") == blobs[1]
    assert writer(tmp_path, digest, "boot/vmlinuz") is None
