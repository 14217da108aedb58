"""apt's own solver and tools on a small archive: what is locked, what moves, and which faults are the mirror's."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError, ToolError
from imagekit.base.process import run
from imagekit.config.packagelock import LockedPackage
from imagekit.config.settings import AptArchive, Settings
from imagekit.packages import apt as apt_module
from imagekit.packages.apt import Apt
from imagekit.packages.aptsource import AptSource, archives_of
from imagekit.packages.interface import Ask, Keep, MirrorError, ResolveError
from imagekit.packages.pins import freed_names
from imagekit.packages.store import Source, Store
from tests.support.aptrepository import SignedArchive, repacked, served, signed_archive
from tests.support.debs import Archive, deb

pytestmark = pytest.mark.skipif(
    shutil.which("apt-get") is None, reason="needs apt-get and dpkg-deb, which are Debian's"
)
ASKS = (Ask("distro", "", ("libc",), ("?essential",)), Ask("base", "distro", ("curl",)), Ask("extra", "base", ("jq",)))


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path / "mirror")
    archive.add("stable", "libc", "2.41-1")
    archive.add("stable", "init", "1:1-1", extra="Essential: yes")
    archive.add("stable", "libssl", "3.5.1-1", depends="libc", source="openssl")
    archive.add("stable", "openssl", "3.5.1-1", depends="libssl (>= 3.5.1)", source="openssl")
    archive.add("stable", "curl", "8.1-1", depends="libssl, openssl")
    archive.add("stable", "jq", "1.7-1", depends="libc")
    return archive


@pytest.fixture
def apt(tmp_path: Path, archive: Archive) -> Apt:
    return Apt(tmp_path / "apt", "amd64", (archive.source("stable"),))


def copied_from(store: Store) -> Source:
    def fetch(packages: Sequence[LockedPackage], into: Path) -> dict[str, str]:
        for each in packages:
            shutil.copy(store.path(each.sha256), into / each.sha256)
        return {}

    return fetch


def versions(packages: tuple[LockedPackage, ...]) -> dict[str, str]:
    return {f"{each.stage} {each.name}": each.version for each in packages}


def test_every_package_is_named_by_the_stage_that_brings_it(apt: Apt) -> None:
    found = apt.resolve(ASKS, Keep())
    assert versions(found) == {
        "distro init": "1:1-1",
        "distro libc": "2.41-1",
        "base curl": "8.1-1",
        "base libssl": "3.5.1-1",
        "base openssl": "3.5.1-1",
        "extra jq": "1.7-1",
    }


def test_checksum_size_origin_and_place_are_the_archives_own_and_name_no_host(apt: Apt, archive: Archive) -> None:
    (curl,) = [each for each in apt.resolve(ASKS, Keep()) if each.name == "curl"]
    file = archive.root / curl.path
    assert curl.path == "pool/main/c/curl/curl_8.1-1_amd64.deb"
    assert (curl.sha256, curl.size) == (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_size)
    assert curl.origin == "Debian/stable/main"
    assert str(archive.root) not in " ".join(map(str, curl))


def test_one_package_moves_with_what_its_source_makes_and_no_other(apt: Apt, archive: Archive) -> None:
    old = apt.resolve(ASKS, Keep())
    for name, version in (("libc", "2.42-1"), ("curl", "8.2-1"), ("jq", "1.8-1")):
        archive.add("stable", name, version, depends="libssl, openssl" if name == "curl" else "")
    archive.add("stable", "libssl", "3.5.2-1", depends="libc", source="openssl")
    archive.add("stable", "openssl", "3.5.2-1", depends="libssl (>= 3.5.2)", source="openssl")
    free = freed_names(old, {"openssl"})
    new = apt.resolve(ASKS, Keep(tuple(each for each in old if each.name not in free)))
    moved = {each.name: each.version for each in new if each not in old}
    assert moved == {"openssl": "3.5.2-1", "libssl": "3.5.2-1"}


def test_what_stands_in_the_way_of_a_move_moves_too(apt: Apt, archive: Archive) -> None:
    old = apt.resolve(ASKS, Keep())
    archive.add("stable", "libc", "2.42-1")
    archive.add("stable", "curl", "8.2-1", depends="libc (>= 2.42), libssl, openssl")
    archive.add("stable", "jq", "1.8-1", depends="libc")
    new = apt.resolve(ASKS, Keep(tuple(each for each in old if each.name != "curl")))
    assert {each.name: each.version for each in new if each not in old} == {"curl": "8.2-1", "libc": "2.42-1"}


def test_a_version_that_the_mirror_dropped_is_held_by_the_kept_file(apt: Apt, archive: Archive, tmp_path: Path) -> None:
    old = apt.resolve(ASKS, Keep())
    store = Store(tmp_path / "work")
    store.fill(old, [("the mirror", apt.fetch)])
    archive.add("stable", "jq", "1.8-1", depends="libc")
    archive.drop("stable", "jq", "1.7-1")
    assert apt.resolve(ASKS, Keep(old, store.repository(apt, old))) == old
    assert versions(apt.resolve(ASKS, Keep(old)))["extra jq"] == "1.8-1"


def test_security_updates_are_told_by_their_archive(tmp_path: Path, archive: Archive) -> None:
    security = Archive(tmp_path / "security", label="Debian-Security")
    security.add("stable-security", "libssl", "3.5.1-1+deb1", depends="libc", source="openssl")
    apt = Apt(tmp_path / "apt", "amd64", (archive.source("stable"), security.source("stable-security")))
    archive.add("stable", "jq", "1.8-1", depends="libc")
    found = apt.resolve(ASKS, Keep())
    assert apt.security(found) == ("libssl",)
    assert next(each for each in found if each.name == "libssl").origin == "Debian-Security/stable-security/main"


def test_without_a_security_archive_nothing_is_called_a_security_update(apt: Apt) -> None:
    found = apt.resolve(ASKS, Keep())
    with pytest.raises(MirrorError, match="none of the archives here is a security archive"):
        apt.security(found)


@pytest.mark.parametrize("cut", [0, 0.5, 0.99])
def test_a_mirror_that_serves_half_a_list_is_a_fault_of_the_mirror(apt: Apt, archive: Archive, cut: float) -> None:
    listing = archive.root / "dists/stable/main/binary-amd64/Packages"
    whole = listing.read_bytes()
    listing.write_bytes(whole[: int(len(whole) * cut)])
    with pytest.raises(MirrorError, match="does not serve whole lists") as caught:
        apt.resolve(ASKS, Keep())
    assert isinstance(caught.value, ToolError)


def test_a_mirror_that_is_not_there_is_a_fault_of_the_mirror(tmp_path: Path, archive: Archive) -> None:
    shutil.rmtree(archive.root / "dists")
    with pytest.raises(MirrorError):
        Apt(tmp_path / "apt", "amd64", (archive.source("stable"),)).resolve(ASKS, Keep())


def test_a_package_that_nobody_has_is_named(apt: Apt) -> None:
    with pytest.raises(ResolveError, match=r"base: .*Unable to locate package crul"):
        apt.resolve((ASKS[0], Ask("base", "distro", ("crul",))), Keep())


def test_a_layer_that_would_remove_what_is_below_is_refused(apt: Apt, archive: Archive) -> None:
    archive.add("stable", "dash", "1-1", extra="Conflicts: curl")
    with pytest.raises(ResolveError, match="extra: its packages would remove curl"):
        apt.resolve((*ASKS[:2], Ask("extra", "base", ("dash",))), Keep())


def test_files_are_fetched_and_held_to_their_checksums(apt: Apt, archive: Archive, tmp_path: Path) -> None:
    found, store = apt.resolve(ASKS, Keep()), Store(tmp_path / "work")
    store.fill(found, [("the mirror", apt.fetch)])
    assert store.missing(found) == ()


@pytest.mark.parametrize("fault", ["other", "short", "gone"])
def test_a_mirror_with_another_file_is_named_and_nothing_of_it_is_kept(
    apt: Apt, archive: Archive, tmp_path: Path, fault: str
) -> None:
    found, store = apt.resolve(ASKS, Keep()), Store(tmp_path / "work")
    file = archive.root / "pool/main/c/curl/curl_8.1-1_amd64.deb"
    data = file.read_bytes()
    if fault == "gone":
        file.unlink()
    else:
        file.write_bytes(data[:-1] if fault == "short" else data[:-1] + b"X")
    with pytest.raises(MirrorError, match=r"package curl 8\.1-1 .*cannot be had from the mirror"):
        store.fill(found, [("the mirror", apt.fetch)])
    assert [each.name for each in store.missing(found)] == ["curl"]


def test_the_repository_of_a_stage_is_the_same_bytes_each_time_and_apt_reads_it(apt: Apt, tmp_path: Path) -> None:
    found, store = apt.resolve(ASKS, Keep()), Store(tmp_path / "work")
    store.fill(found, [("the mirror", apt.fetch)])
    first = store.repository(apt, found)
    other = Store(tmp_path / "else where")
    other.fill(found, [("a copy", copied_from(store))])
    second = other.repository(apt, tuple(reversed(found)))
    for name in ("Packages", "Release"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert first.stat().st_mode & 0o777 == 0o755
    assert {path.stat().st_mode & 0o777 for path in first.iterdir()} == {0o644}
    own = Apt(tmp_path / "apt2", "amd64", ())
    again = own.resolve(ASKS, Keep(found, second))
    assert again == found


def test_no_index_of_two_repositories_is_taken_for_the_same_by_name_size_and_time(
    apt: Apt, archive: Archive, tmp_path: Path
) -> None:
    """BuildKit compares no content before it takes a file; versions of one length make an index of one length."""
    old, store = apt.resolve(ASKS, Keep()), Store(tmp_path / "work")
    store.fill(old, [("the mirror", apt.fetch)])
    archive.add("stable", "jq", "1.8-1", depends="libc")
    new = apt.resolve(ASKS, Keep())
    store.fill(new, [("the mirror", apt.fetch)])
    one, two = store.repository(apt, old), store.repository(apt, new)
    for name in ("Packages", "Release"):
        before, after = (one / name).stat(), (two / name).stat()
        assert before.st_size == after.st_size
        assert before.st_mtime != after.st_mtime
    again = Store(tmp_path / "again")
    again.fill(old, [("a copy", copied_from(store))])
    assert (again.repository(apt, old) / "Release").stat().st_mtime == (one / "Release").stat().st_mtime


def test_a_damaged_file_of_the_store_counts_as_missing(apt: Apt, tmp_path: Path) -> None:
    found, store = apt.resolve(ASKS, Keep()), Store(tmp_path / "work")
    store.fill(found, [("the mirror", apt.fetch)])
    path = store.path(found[0].sha256)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    assert store.missing(found) == (found[0],)
    store.fill(found, [("the mirror", apt.fetch)])
    assert store.missing(found) == ()


def test_what_is_no_package_is_no_repository(apt: Apt, tmp_path: Path) -> None:
    data = b"no package"
    one = LockedPackage("base", "x", "1", "amd64", hashlib.sha256(data).hexdigest(), len(data), "D/s/m", "pool/x.deb")
    store = Store(tmp_path / "work")

    def fetch(_packages: Sequence[LockedPackage], into: Path) -> dict[str, str]:
        (into / one.sha256).write_bytes(data)
        return {}

    store.fill((one,), [("here", fetch)])
    with pytest.raises(ToolError, match="is no Debian package"):
        store.repository(apt, (one,))
    assert list((store.folder / "repositories").iterdir()) == []


def test_a_release_that_this_machine_prefers_plays_no_part(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """apt.conf.d is read after our own file; here it stands at the end of that."""
    archive.add("oldstable", "jq", "1.6-1", depends="libc")
    apt = Apt(tmp_path / "apt", "amd64", (archive.source("stable"), archive.source("oldstable")))
    ours = apt_module._configuration
    preferred = 'APT::Default-Release "oldstable"; APT::Install-Suggests "true";'
    monkeypatch.setattr(apt_module, "_configuration", lambda *of: f"{ours(*of)}{preferred}\n")
    assert versions(apt.resolve(ASKS, Keep()))["extra jq"] == "1.7-1"


@pytest.mark.attack
def test_virtual_packages_epochs_and_several_that_provide_one(apt: Apt, archive: Archive) -> None:
    archive.add("stable", "exim", "4:4.98-1", depends="libc", extra="Provides: mta, mail-agent (= 5)")
    archive.add("stable", "mailer", "1-1", depends="mta, mail-agent (>= 4)")
    asks = (*ASKS[:2], Ask("extra", "base", ("mailer",)))
    found = apt.resolve(asks, Keep())
    assert versions(found)["extra exim"] == "4:4.98-1"
    assert next(each.path for each in found if each.name == "exim") == "pool/main/e/exim/exim_4.98-1_amd64.deb"
    archive.add("stable", "postfix", "3-1", depends="libc", extra="Provides: mta")
    with pytest.raises(ResolveError, match="mta"):  # which of the two is meant has to be said
        apt.resolve((*ASKS[:2], Ask("extra", "base", ("mta",))), Keep())
    archive.drop("stable", "exim", "4:4.98-1")
    with pytest.raises(ResolveError, match="extra"):
        apt.resolve(asks, Keep(found))


def test_lists_of_this_machine_play_no_part(apt: Apt) -> None:
    before = run(["apt-config", "dump"], timeout=20).stdout
    apt.resolve(ASKS, Keep())
    assert run(["apt-config", "dump"], timeout=20).stdout == before


@pytest.fixture
def company(tmp_path: Path) -> Iterator[SignedArchive]:
    """A company's archive with a newer jq, and the key that signed it."""
    with signed_archive(tmp_path / "company") as made:
        made.put(repacked(deb(tmp_path, "jq", "1.7-1", depends="libc"), tmp_path / "new", "+co1"))
        made.publish()
        yield made


def settings_of(uri: str, key: str | None = "keys/company.asc") -> Settings:
    return Settings(version=1, apt_archives=(AptArchive(uri=uri, suite="stable", components=("main",), key=key),))


def test_an_archive_beside_the_mirror_has_a_key_of_its_own(
    tmp_path: Path, archive: Archive, company: SignedArchive
) -> None:
    """In a folder with a space, which the short form of sources.list could not name a key in."""
    root = tmp_path / "a project"
    (root / "keys").mkdir(parents=True)
    (root / "keys/company.asc").write_text(company.key)
    with served(company.root) as uri:
        sources = (archive.source("stable"), *archives_of(root, settings_of(f"{uri}/")))
        apt = Apt(root / "apt", "amd64", sources)
        found = {each.name: each for each in apt.resolve(ASKS, Keep())}
        assert (found["jq"].version, found["jq"].origin) == ("1.7-1+co1", "Example/stable/main")
        assert found["curl"].origin == "Debian/stable/main"
        assert uri not in " ".join(map(str, found["jq"]))
        store = Store(root)
        store.fill(tuple(found.values()), [("the mirror", apt.fetch)])
        assert not store.missing(found.values())


@pytest.mark.parametrize("keyed", [True, False])
def test_what_is_kept_is_where_its_archive_says_and_not_where_we_keep_it(
    tmp_path: Path, archive: Archive, company: SignedArchive, keyed: bool
) -> None:
    """Else a lock changed when it was written a second time, and named files that no archive has."""
    with served(company.root) as uri:
        key = company.key if keyed else ""
        source = AptSource(uri=uri, suite="stable", components=("main",), key=key, trusted=not keyed)
        apt = Apt(tmp_path / "apt", "amd64", (archive.source("stable"), source))
        old, store = apt.resolve(ASKS, Keep()), Store(tmp_path / "work")
        store.fill(old, [("the mirror", apt.fetch)])
        assert apt.resolve(ASKS, Keep(old, store.repository(apt, old))) == old


def test_lists_that_another_key_signed_are_the_mirrors_fault(
    tmp_path: Path, archive: Archive, company: SignedArchive
) -> None:
    with signed_archive(tmp_path / "stranger") as stranger, served(company.root) as uri:
        source = AptSource(uri=uri, suite="stable", components=("main",), key=stranger.key)
        with pytest.raises(MirrorError, match="does not serve whole lists"):
            Apt(tmp_path / "apt", "amd64", (archive.source("stable"), source)).resolve(ASKS, Keep())


def test_a_mirror_that_is_down_is_not_said_to_have_dropped_a_package(
    tmp_path: Path, archive: Archive, company: SignedArchive
) -> None:
    with served(company.root) as uri:
        source = AptSource(uri=uri, suite="stable", components=("main",), key=company.key)
        apt = Apt(tmp_path / "apt", "amd64", (archive.source("stable"), source))
        found = apt.resolve(ASKS, Keep())
        company.root.rename(tmp_path / "away")
        with pytest.raises(MirrorError, match=r"package jq .* none of them has it any more"):
            Store(tmp_path / "first").fill(found, [("the mirror", apt.fetch)])
    with pytest.raises(MirrorError, match=r"package jq .* had from the mirror: the mirror: .*[Cc]onnect"):
        Store(tmp_path / "second").fill(found, [("the mirror", apt.fetch)])


def test_half_a_list_is_the_mirrors_fault(tmp_path: Path, archive: Archive, company: SignedArchive) -> None:
    company.publish(cut=True)
    with served(company.root) as uri:
        source = AptSource(uri=uri, suite="stable", components=("main",), key=company.key)
        with pytest.raises(MirrorError, match="does not serve whole lists"):
            Apt(tmp_path / "apt", "amd64", (archive.source("stable"), source)).resolve(ASKS, Keep())


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read"), (b"\x99\x01", "cannot be read"), (b"-----BEGIN X", "no ASCII")]
)
def test_what_is_no_key_is_refused_by_name(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "company.asc").write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        archives_of(tmp_path, settings_of("https://deb.example.org/x", "company.asc"))


def test_an_archive_without_a_key_is_believed_by_the_distributions_own(tmp_path: Path) -> None:
    (source,) = archives_of(tmp_path, settings_of("https://deb.example.org/debian-security/", None))
    assert source.line.endswith("https://deb.example.org/debian-security stable main")
    assert "trusted" not in source.line
