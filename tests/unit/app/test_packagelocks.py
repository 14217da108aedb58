"""What `imagekit lock` writes, when it writes nothing, and what it says would move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from imagekit.app.image import NotAsLockedError, require_locked
from imagekit.app.packagelocks import Moves, moved, relock, write
from imagekit.artifact.packagelist import Package
from imagekit.base.errors import ConfigError
from imagekit.cli import cli
from imagekit.config.load import load_project
from imagekit.config.model import Arch
from imagekit.config.packagelock import BadLockError, LockedPackage, load, lock_path
from imagekit.packages.interface import Ask, Keep, MirrorError
from imagekit.plan.resolve import make_plan
from tests.support.project import make_project

ARCH = Arch.AMD64


def row(stage: str, name: str, version: str, checksum: str = "") -> LockedPackage:
    path = f"pool/main/{name[0]}/{name}/{name}_{version}_amd64.deb"
    checksum = checksum or f"{name}{version}".encode().hex().ljust(64, "0")[:64]
    return LockedPackage(stage, name, version, "amd64", checksum, 9, "Debian/trixie/main", path)


@dataclass
class Distribution:
    """A package manager that has one version of everything, and holds what it is told to keep."""

    versions: dict[str, str] = field(default_factory=lambda: {"libc6": "1", "less": "1", "nano": "1", "tree": "1"})
    secure: tuple[str, ...] = ()
    checksum: str = ""
    origin: str = "Debian/trixie/main"
    suffix: str = "deb"
    error: Exception | None = None

    def resolve(self, asks: Sequence[Ask], keep: Keep) -> tuple[LockedPackage, ...]:
        if self.error:
            raise self.error
        held = {each.name: each.version for each in keep.packages}
        stages = {"distro": ("libc6",), **{ask.stage: ask.packages for ask in asks if ask.stage != "distro"}}
        return tuple(
            row(stage, name, held.get(name, self.versions[name]), self.checksum)._replace(origin=self.origin)
            for stage, names in stages.items()
            for name in names
        )

    def security(self, packages: Sequence[LockedPackage]) -> tuple[str, ...]:
        return tuple(each.name for each in packages if each.name in self.secure)

    def fetch(self, packages: Sequence[LockedPackage], into: Path) -> dict[str, str]:
        raise AssertionError("nothing is fetched here")

    def index(self, folder: Path, files: Sequence[tuple[str, LockedPackage]]) -> None:
        raise AssertionError("nothing is indexed here")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_project(tmp_path)


@pytest.fixture
def distribution() -> Distribution:
    return Distribution()


def locked(root: Path, distribution: Distribution, moves: Moves | None = None) -> list[str]:
    """Lock and write; what moved."""
    project = load_project(root)
    found = relock(project, "small-node", ARCH, moves or Moves(), manager=distribution)
    write(project, [found.new])
    return [each.text for each in found.moved]


def test_the_first_lock_names_everything_and_a_second_changes_nothing(root: Path, distribution: Distribution) -> None:
    locked(root, distribution)
    text = (root / lock_path("small-node", "amd64")).read_text()
    assert "asks base less nano\n" in text
    distribution.versions["less"] = "2"
    assert locked(root, distribution) == []
    assert (root / lock_path("small-node", "amd64")).read_text() == text


def test_what_may_move_moves_and_nothing_else(root: Path, distribution: Distribution) -> None:
    locked(root, distribution)
    distribution.versions |= {"less": "2", "nano": "2", "tree": "2"}
    assert locked(root, distribution, Moves(only=frozenset({"nano"}))) == [
        "package nano 1 to 2 (base, Debian/trixie/main)"
    ]
    distribution.secure = ("tree", "nano")
    assert locked(root, distribution, Moves(security=True)) == ["package tree 1 to 2 (extra, Debian/trixie/main)"]
    assert locked(root, distribution, Moves(update=True)) == ["package less 1 to 2 (base, Debian/trixie/main)"]


def test_a_package_that_is_not_locked_cannot_move(root: Path, distribution: Distribution) -> None:
    locked(root, distribution)
    with pytest.raises(ConfigError, match="has no package opensssl"):
        locked(root, distribution, Moves(only=frozenset({"opensssl"})))


def test_a_new_package_of_a_layer_is_added_and_told(root: Path, distribution: Distribution) -> None:
    locked(root, distribution)
    layer = root / "images/extra/layer.yaml"
    layer.write_text(layer.read_text().replace("[tree]", "[tree, jq]"))
    distribution.versions |= {"jq": "1.7", "less": "2"}
    assert locked(root, distribution) == ["package jq 1.7 added (extra, Debian/trixie/main)"]


def test_another_file_under_the_same_version_is_a_fault_of_the_mirror(root: Path, distribution: Distribution) -> None:
    locked(root, distribution)
    before = (root / lock_path("small-node", "amd64")).read_bytes()
    distribution.checksum = "f" * 64
    with pytest.raises(MirrorError, match=r"package (libc6|less|nano|tree) 1 \(amd64\): the mirror lists sha256:ffff"):
        locked(root, distribution, Moves(update=True))
    assert (root / lock_path("small-node", "amd64")).read_bytes() == before


@pytest.mark.attack
@pytest.mark.parametrize(("old", "new"), [("2", "1"), ("1:1", "2"), ("1.0", "1.0~rc1"), ("1.10-1", "1.9-1")])
def test_a_mirror_that_goes_back_is_at_fault_and_nothing_drifts(
    root: Path, distribution: Distribution, old: str, new: str
) -> None:
    """An old snapshot, served again with its own good signature: the fix that the lock has would be gone."""
    distribution.versions["less"] = old
    locked(root, distribution)
    before = (root / lock_path("small-node", "amd64")).read_bytes()
    distribution.versions["less"] = new
    with pytest.raises(MirrorError, match=f"less: the mirror has {new}, the lock has {old}, which is newer"):
        locked(root, distribution, Moves(update=True))
    assert (root / lock_path("small-node", "amd64")).read_bytes() == before
    assert locked(root, distribution) == []


def test_a_package_that_only_changed_its_archive_is_told_as_that(
    root: Path, command: Callable[..., tuple[int, str]], distribution: Distribution
) -> None:
    """A security update that went into a point release: the same file, from elsewhere."""
    command()
    distribution.origin = "Debian-Security/trixie-security/main"
    code, said = command("--check")
    assert code == 1
    assert "package less 1 is elsewhere in the archive now (base, Debian-Security/trixie-security/main)" in said
    assert "asked for" not in said


@pytest.mark.attack
@pytest.mark.parametrize("place", ["pool/../../x.deb", "/etc/passwd", "pool/a b.deb", "pool/a\nend\nb.deb", ""])
def test_a_place_that_no_lock_can_hold_is_refused_before_anything_is_written(
    root: Path, distribution: Distribution, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = Distribution.resolve

    def resolve(self: Distribution, asks: Sequence[Ask], keep: Keep) -> tuple[LockedPackage, ...]:
        return tuple(each._replace(path=place) for each in good(self, asks, keep))

    monkeypatch.setattr(Distribution, "resolve", resolve)
    with pytest.raises(MirrorError, match="the mirror's lists"):
        locked(root, distribution)


@pytest.mark.parametrize("moves", [Moves(only=frozenset({"less"})), Moves(security=True)])
def test_without_a_lock_nothing_of_it_can_move(root: Path, distribution: Distribution, moves: Moves) -> None:
    with pytest.raises(ConfigError, match=r"there is no images/locks/small-node\.amd64\.lock yet"):
        locked(root, distribution, moves)


def edited(root: Path, old: str, new: str) -> None:
    path = root / lock_path("small-node", "amd64")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_lock_that_was_edited_by_hand(root: Path, distribution: Distribution) -> None:
    """Another order is none; a package too many goes; another checksum for one version is not taken over."""
    locked(root, distribution)
    path = root / lock_path("small-node", "amd64")
    whole = path.read_text()
    lines = whole.splitlines()
    rows = [line for line in lines if line.startswith("package ")]
    path.write_text("\n".join([*(line for line in lines[:-1] if line not in rows), *reversed(rows), "end", ""]))
    assert locked(root, distribution) == []
    assert path.read_text() == whole
    edited(root, "\nend\n", "\n" + rows[1].replace(" less ", " more ") + "\nend\n")
    assert locked(root, distribution) == ["package more 1 removed (base, Debian/trixie/main)"]
    edited(root, rows[1].split()[5], "f" * 64)
    with pytest.raises(MirrorError, match=r"less 1 .*the lock has sha256:ffff"):
        locked(root, distribution)
    edited(root, "\nasks base", "\nasks base nano\nasks base")
    with pytest.raises(BadLockError, match="base asks a second time"):
        locked(root, distribution)


def test_a_lock_that_fails_half_way_writes_nothing(root: Path, distribution: Distribution) -> None:
    distribution.error = MirrorError("gone")
    with pytest.raises(MirrorError):
        locked(root, distribution)
    assert not (root / "images/locks").exists()


def test_moved_tells_each_stage(root: Path) -> None:
    old = [row("base", "a", "1"), row("extra", "a", "1"), row("base", "b", "1")]
    new = [row("base", "a", "2"), row("extra", "a", "1"), row("base", "c", "1")]
    assert [each.text.partition(" (")[0] for each in moved(old, new)] == [
        "package a 1 to 2",
        "package b 1 removed",
        "package c 1 added",
    ]


def installed(**versions: str) -> list[Package]:
    return [Package(name=name, version=version, arch="amd64", kind="deb") for name, version in versions.items()]


@pytest.mark.parametrize(
    ("packages", "said"),
    [
        ({"libc6": "1", "less": "1", "nano": "1", "tree": "1"}, ""),
        ({"libc6": "1", "less": "2", "nano": "1", "tree": "1"}, "less 2 and not 1"),
        ({"libc6": "1", "less": "1", "nano": "1"}, "tree is not there and not 1"),
        ({"libc6": "1", "less": "1", "nano": "1", "tree": "1", "curl": "8"}, "curl 8 is not in the lock"),
    ],
)
def test_what_is_installed_is_held_to_the_lock(
    root: Path, distribution: Distribution, packages: dict[str, str], said: str
) -> None:
    locked(root, distribution)
    project = replace(load_project(root), locked=True)
    plan = make_plan(project, "small-node", arch=ARCH)
    if not said:
        require_locked(project, plan, installed(**packages))
        return
    with pytest.raises(NotAsLockedError, match=said):
        require_locked(project, plan, installed(**packages))


@pytest.fixture
def command(root: Path, distribution: Distribution, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    monkeypatch.setattr("imagekit.app.packagelocks.resolver", lambda *_: distribution)
    monkeypatch.setattr("imagekit.app.packagelocks.store_packages", lambda *_: None)

    def call(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli, ["--project", str(root), "lock", "small-node", *words], standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return int(result.return_value or 0), result.stdout

    return call


def test_the_command_says_what_moved_and_check_says_what_would(
    root: Path, distribution: Distribution, command: Callable[..., tuple[int, str]]
) -> None:
    assert command() == (0, "small-node amd64: 4 packages locked for the first time\n")
    assert command() == (0, "nothing to change\n")
    assert command("--check") == (0, "nothing would move\n")
    distribution.versions["less"] = "2"
    text = (root / lock_path("small-node", "amd64")).read_text()
    moves = "small-node amd64: package less 1 to 2 (base, Debian/trixie/main)\n"
    assert command("--check") == (1, moves)
    assert command("--check", "--only", "nano") == (0, "nothing would move\n")
    assert (root / lock_path("small-node", "amd64")).read_text() == text
    assert command("--only", "less") == (0, moves)


def test_a_stale_lock_is_told_by_check(root: Path, command: Callable[..., tuple[int, str]]) -> None:
    command()
    layer = root / "images/extra/layer.yaml"
    layer.write_text(layer.read_text().replace("[tree]", "[]"))
    code, said = command("--check")
    assert code == 1
    assert "small-node amd64: the lock does not fit: extra does not ask for tree any more" in said


@pytest.mark.parametrize("words", [("--update", "--only", "x"), ("--no-packages", "--push")])
def test_options_that_contradict_each_other_are_refused(
    command: Callable[..., tuple[int, str]], words: tuple[str, ...]
) -> None:
    with pytest.raises(click.UsageError):
        command(*words)


def test_a_mirror_that_fails_could_not_tell_and_nothing_is_written(
    root: Path, distribution: Distribution, command: Callable[..., tuple[int, str]]
) -> None:
    distribution.error = MirrorError("half a list")
    with pytest.raises(MirrorError) as caught:
        command("--check")
    assert caught.value.exit_code == 3
    assert load(root, "small-node", "amd64") is None
