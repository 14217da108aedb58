"""dnf, rpm and createrepo_c themselves on a small repository: what is locked, what moves, whose a fault is."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from imagekit.base.process import run
from imagekit.config.packagelock import LockedPackage
from imagekit.packages.dnf import Dnf
from imagekit.packages.interface import Ask, Keep, MirrorError, ResolveError
from imagekit.packages.store import Store
from tests.support import rpms

ASKS = (Ask("base", "", ("curl",)), Ask("extra", "base", ("jq",)), Ask("top", "extra", ()))


@pytest.fixture(autouse=True)
def tools() -> None:
    """The programs of the RHEL family, which Debian has too."""
    if lacking := rpms.lacking():
        outcome = pytest.fail if os.environ.get("CI") else pytest.skip
        outcome(lacking)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror/Packages"
    rpms.rpm(folder, "libssl", "3.0")
    rpms.rpm(folder, "curl", "8.1", requires="libssl >= 3.0")
    rpms.rpm(folder, "jq", "1.7", requires="libssl")
    rpms.index(folder.parent)
    return folder.parent


@pytest.fixture
def dnf(tmp_path: Path, repository: Path) -> Dnf:
    return Dnf(tmp_path / "dnf", "amd64", {"baseos": f"file://{repository}"})


def versions(packages: tuple[LockedPackage, ...]) -> dict[str, str]:
    return {f"{each.stage} {each.name}": each.version for each in packages}


def test_a_lock_names_everything_by_stage_checksum_and_origin_and_no_host(dnf: Dnf, repository: Path) -> None:
    found = dnf.resolve(ASKS, Keep())
    assert versions(found) == {"base curl": "8.1-1.el9", "base libssl": "3.0-1.el9", "extra jq": "1.7-1.el9"}
    curl = next(each for each in found if each.name == "curl")
    file = repository / curl.path
    assert (curl.path, curl.origin, curl.arch) == ("Packages/curl-8.1-1.el9.noarch.rpm", "baseos", "noarch")
    assert (curl.sha256, curl.size) == (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_size)
    assert str(repository) not in " ".join(map(str, curl))


def test_what_is_locked_holds_and_what_is_let_go_moves(dnf: Dnf, repository: Path, tmp_path: Path) -> None:
    old, store = dnf.resolve(ASKS, Keep()), Store(tmp_path / "work")
    store.fill(old, [("the mirror", dnf.fetch)])
    rpms.rpm(repository / "Packages", "jq", "1.8", requires="libssl")
    rpms.rpm(repository / "Packages", "curl", "8.2", requires="libssl")
    rpms.index(repository)
    assert dnf.resolve(ASKS, Keep(old, store.repository(dnf, old))) == old
    held = tuple(each for each in old if each.name != "jq")
    new = dnf.resolve(ASKS, Keep(held, store.repository(dnf, held)))
    assert [f"{each.name} {each.version}" for each in new if each not in old] == ["jq 1.8-1.el9"]


def test_the_bundle_is_a_repository_that_dnf_installs_from_alone(dnf: Dnf, tmp_path: Path) -> None:
    found, store = dnf.resolve(ASKS, Keep()), Store(tmp_path / "work")
    store.fill(found, [("the mirror", dnf.fetch)])
    folder = store.repository(dnf, found)
    root = tmp_path / "root"
    argv = [
        "dnf",
        "-q",
        "-y",
        "--noplugins",
        "--disablerepo=*",
        f"--repofrompath=imagekit,file://{folder}",
        f"--installroot={root}",
    ]
    argv += [
        "--setopt=imagekit.gpgcheck=0",
        "--setopt=reposdir=/nonexistent",
        "--releasever=/",
        "install",
        "curl",
        "jq",
    ]
    run(argv, timeout=120)
    assert (root / "usr/share/curl/version").read_text() == "8.1\n"


def test_two_repositories_of_the_same_packages_are_the_same_bytes(dnf: Dnf, tmp_path: Path) -> None:
    found = dnf.resolve(ASKS, Keep())
    folders = []
    for day, name in enumerate(("one", "two two")):
        store = Store(tmp_path / name)
        store.fill(found, [("the mirror", dnf.fetch)])
        for package in found:  # whenever they were fetched
            os.utime(store.path(package.sha256), (day * 86400, day * 86400))
        folders.append(store.repository(dnf, found))
    one, two = ({path.name: path.read_bytes() for path in folder.rglob("*.xml*")} for folder in folders)
    assert one == two


@pytest.mark.parametrize("fault", ["half a list", "no list", "another file"])
def test_a_mirror_that_fails_is_a_fault_of_the_mirror(dnf: Dnf, repository: Path, fault: str) -> None:
    (primary,) = (repository / "repodata").glob("*primary.xml*")
    if fault == "half a list":
        primary.write_bytes(primary.read_bytes()[: primary.stat().st_size // 2])
    elif fault == "no list":
        shutil.rmtree(repository / "repodata")
    else:
        package = repository / "Packages/curl-8.1-1.el9.noarch.rpm"
        package.write_bytes(package.read_bytes()[:-1] + b"X")
    with pytest.raises(MirrorError):
        dnf.resolve(ASKS, Keep())


def test_a_package_that_nobody_has_is_named(dnf: Dnf) -> None:
    with pytest.raises(ResolveError, match="crul"):
        dnf.resolve((Ask("base", "", ("crul",)),), Keep())


def test_without_advisories_nothing_is_called_a_security_update(dnf: Dnf) -> None:
    found = dnf.resolve(ASKS, Keep())
    with pytest.raises(MirrorError, match="updateinfo"):
        dnf.security(found)


def test_a_lock_between_two_is_resolved_from_its_own_files_alone(dnf: Dnf, repository: Path, tmp_path: Path) -> None:
    """What a night asks before it builds one: what is not asked for is not installed, what is torn apart is refused."""
    old, store = dnf.resolve(ASKS, Keep()), Store(tmp_path / "work")
    store.fill(old, [("the mirror", dnf.fetch)])
    rpms.rpm(repository / "Packages", "libssl", "3.1")
    rpms.rpm(repository / "Packages", "curl", "8.2", requires="libssl >= 3.1")
    rpms.rpm(repository / "Packages", "libjq", "1.8")
    rpms.rpm(repository / "Packages", "jq", "1.8", requires="libjq")
    rpms.index(repository)
    new = {each.name: each for each in dnf.resolve(ASKS, Keep())}
    store.fill(tuple(new.values()), [("the mirror", dnf.fetch)])
    alone = Dnf(tmp_path / "alone", "amd64", {})

    def settled(*moved: str) -> tuple[LockedPackage, ...]:
        kept = [each for each in old if each.name not in moved]
        mix = (*kept, *(new[name] for name in moved))
        return alone.resolve(ASKS, Keep(mix, store.repository(dnf, mix)))

    assert settled("libjq") == old
    assert {each.name: each.version for each in settled("libssl", "curl") if each not in old} == {
        "libssl": "3.1-1.el9",
        "curl": "8.2-1.el9",
    }
    with pytest.raises(ResolveError, match="base"):
        settled("curl")
