"""The real world of a night over a project on disk, with the simulated backend and package manager."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from imagekit.app.again import failed_before
from imagekit.app.alarms import watch
from imagekit.app.changes import last_good
from imagekit.app.options import Finished, Options
from imagekit.app.remember import open_history
from imagekit.app.run import run_image
from imagekit.app.runs import kept_runs
from imagekit.base.errors import ConfigError, ImagekitError, ToolError
from imagekit.build.authorities import authorities_of
from imagekit.build.builder import BuildError
from imagekit.build.download import WrongFileError
from imagekit.checks.lint import ContradictionError
from imagekit.checks.outcome import Outcome
from imagekit.checks.request import BrokenCheckError
from imagekit.cli import cli
from imagekit.config.authorities import AuthorityError
from imagekit.config.load import Project, load_project
from imagekit.config.packagelock import LockedPackage, PackageLock, as_text, lock_path
from imagekit.drift.aside import told_difference
from imagekit.drift.checkout import checkout
from imagekit.drift.conduct import REPORT, conduct, last_report, new_night
from imagekit.drift.interface import InfrastructureError, World
from imagekit.drift.local import LocalWorld, open_world
from imagekit.drift.model import Attribution, Change, DriftVerdict, Input, Key, Part, Report, Result
from imagekit.drift.night import Options as NightOptions
from imagekit.drift.outcome import trial_of
from imagekit.drift.text import pull_request
from imagekit.history import read
from imagekit.history.model import NightOutcome
from imagekit.history.starvation import AlarmKind
from imagekit.machine.interface import BootPath
from imagekit.packages.interface import MirrorError, ResolveError
from imagekit.plan.lock import NotLockedError, here
from imagekit.registry.errors import DigestMismatchError
from imagekit.report.result import Verdict, read_result
from tests.support.authorities import Authority, certificate
from tests.support.project import commit, git, make_project
from tests.support.simbackend import SimBackend, SimulatedError

NAME = "small-node"
BRANCH = f"imagekit/drift/{NAME}"
PARTS = frozenset({Part.PINNED, Part.FRESH})


def row(stage: str, name: str, version: str) -> LockedPackage:
    sha = (name + version).encode().hex().ljust(64, "0")[:64]
    path = f"pool/main/{name[0]}/{name}/{name}_{version}.deb"
    return LockedPackage(stage, name, version, "amd64", sha, 1000, "Debian/trixie/main", path)


def packages(*rows: LockedPackage) -> PackageLock:
    asked = {"distro": ("apt",), "base": ("less", "nano"), "extra": ("tree",)}
    return PackageLock(image=NAME, arch=here().value, asked=asked, packages=rows)


PINNED = (row("distro", "apt", "3.0"), row("base", "less", "1"), row("base", "nano", "1"), row("extra", "tree", "1"))
FRESH = (row("distro", "apt", "3.0"), row("base", "less", "2"), row("base", "nano", "2"), row("extra", "tree", "2"))


def checked_and_locked(root: Path) -> None:
    """Give a project a check, a lock, and what git is to ignore."""
    checks = root / "vm-harness/checks/base"
    checks.mkdir(parents=True)
    (checks / "test_x.py").write_text('def test_x(host) -> None:\n    """x holds"""\n')
    path = root / lock_path(NAME, here().value)
    path.parent.mkdir()
    path.write_text(as_text(packages(*PINNED)))
    (root / ".gitignore").write_text(".imagekit\n")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = make_project(tmp_path / "project")
    checked_and_locked(root)
    commit(root, "lock", "2026-11-23T12:00:00+00:00")
    return load_project(root)


class Upstream(SimBackend):
    """A world in which checks fail with a bad package; `bad` names it with its version."""

    bad: str = ""
    shown_on: BootPath = BootPath.DIRECT

    def build(self, project, plan):  # type: ignore[no-untyped-def]
        text = (project.root / lock_path(NAME, here().value)).read_text()
        self.outcomes = {self.shown_on: Outcome.FAILED} if self.bad and f" {self.bad} " in text else {}
        return super().build(project, plan)


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What `imagekit lock --update` finds: ``rows``, or an ``error``."""
    now: dict[str, object] = {"rows": FRESH}

    class Found:
        def __init__(self, rows: tuple[LockedPackage, ...]) -> None:
            self.new = packages(*rows)

    def relock(*_: object) -> Found:
        if isinstance(error := now.get("error"), Exception):
            raise error
        return Found(now["rows"])  # type: ignore[arg-type]

    monkeypatch.setattr("imagekit.drift.local.relock", relock)
    return now


@contextmanager
def opened(project: Project, backend: SimBackend) -> Iterator[World]:
    with open_world(project, NAME, "n1", backend) as world:
        world.settle = lambda _project, lock: lock  # these packages have no files; see test_mix.py for those that have
        yield world


def hold(project: Project, backend: SimBackend, **options: object) -> Report:
    chosen = NightOptions(**{"parts": PARTS, "lifecycle": False, **options})  # type: ignore[arg-type]
    return conduct(project, opened(project, backend), NAME, new_night(NAME), chosen)


def test_a_bad_package_is_found_with_the_real_locks_and_runs(project: Project, mirror: dict[str, object]) -> None:
    world = Upstream()
    world.bad = "nano 2"
    report = hold(project, world)
    assert report.verdict is DriftVerdict.DRIFT, report.unknown
    [cause] = report.causes
    assert (cause.names, cause.layer) == (("nano",), "base")
    assert git(project.root, "status", "--porcelain") == "", "the project itself is never changed"
    assert git(project.root, "branch", "--list", BRANCH) == ""
    assert git(project.root, "worktree", "list").count("\n") == 1


@pytest.mark.parametrize(("shown_on", "other"), [(BootPath.DIRECT, "live"), (BootPath.LIVE, "direct")])
def test_what_is_looked_for_is_looked_for_where_it_was_seen(
    project: Project, mirror: dict[str, object], shown_on: BootPath, other: str
) -> None:
    """Each build between is booted on that boot path alone; pinned and fresh are tested whole, as far as they come."""
    world = Upstream()
    world.bad, world.shown_on = "nano 2", shown_on
    report = hold(project, world)
    assert (report.verdict, report.causes[0].names) == (DriftVerdict.DRIFT, ("nano",))
    assert report.fresh is not None
    assert report.fresh.boot_path == shown_on
    whole = 2 if shown_on is BootPath.LIVE else 1  # direct is before live, and the fresh one never comes further
    assert world.calls[f"boot {other}"] == whole
    assert world.calls[f"boot {shown_on}"] > 4


class Unbuildable(SimBackend):
    """A world in which no image is built with what is bad: all of it together."""

    together: tuple[str, ...] = ()

    def build(self, project, plan):  # type: ignore[no-untyped-def]
        text = (project.root / lock_path(NAME, here().value)).read_text()
        self.failing = {"build"} if all(f" {each} " in text for each in self.together) else set()
        return super().build(project, plan)


def test_where_the_build_failed_nothing_between_is_booted(project: Project, mirror: dict[str, object]) -> None:
    world = Unbuildable()
    world.together = ("less 2", "tree 2")
    report = hold(project, world)
    assert (report.verdict, report.causes[0].names) == (DriftVerdict.DRIFT, ("less", "tree"))
    assert report.causes[0].layer == "base, extra"
    assert report.builds > 4
    assert (world.calls["boot direct"], world.calls["boot live"]) == (1, 1), "what is pinned, and nothing else"
    world.calls.clear()
    report = hold(project, world, parts=frozenset({Part.FRESH}))
    assert report.causes[0].names == ("less", "tree")
    assert world.calls["boot direct"] == world.calls["boot live"] == 0
    assert "pinned was not asked for; it was built, and not booted, to compare" in report.evidence


def test_what_a_night_tries_is_no_run_of_the_image(project: Project, mirror: dict[str, object]) -> None:
    """Neither in its trends, nor when it is asked what changed since it was good, or what failed the last time."""
    world = Upstream()
    world.bad = "nano 2"
    report = hold(project, world)
    assert report.pinned is not None
    with open_history(project) as history:
        runs = read.runs(history)
    assert [(each.run_id, each.verdict) for each in runs if not each.trial] == [(report.pinned.run_id, "passed")]
    assert {each.verdict for each in runs if each.trial} == {"passed", "failed"}
    found = last_good(kept_runs(project.work), NAME)
    assert found is not None
    assert found.run_id == report.pinned.run_id
    with pytest.raises(ConfigError, match="every check passed"):
        failed_before(project, NAME)
    listed = CliRunner().invoke(cli, ["--project", str(project.root), "report", "--list"]).output.splitlines()
    assert [line.endswith(")") for line in listed].count(False) == 1
    [fresh, _again] = [line for line in listed if "(night n1: all inputs as upstream has them)" in line]
    shown = CliRunner().invoke(cli, ["--project", str(project.root), "report", fresh.split()[0]]).output.split()
    assert "a trial: night n1: all inputs as upstream has them" in " ".join(shown)


def test_a_step_of_the_search_that_was_only_built_did_not_fail(project: Project, mirror: dict[str, object]) -> None:
    world = Unbuildable()
    world.together = ("less 2", "tree 2")
    hold(project, world)
    results = [read_result(folder) for folder in reversed(kept_runs(project.work))]
    tried = [each for each in results if each.trial]
    assert [each.verdict for each in results if not each.trial] == [Verdict.PASSED]
    assert {each.verdict for each in tried} == {Verdict.BUILT, Verdict.FAILED}
    assert all(bool(each.digest) is (each.verdict is Verdict.BUILT) for each in tried)
    with open_history(project) as history:
        assert {(each.verdict, each.trial) for each in read.runs(history)} == {("passed", False), ("failed", True)}


def test_with_the_fresh_part_alone_the_pinned_one_is_booted_to_compare(
    project: Project, mirror: dict[str, object]
) -> None:
    world = Upstream()
    world.bad = "nano 2"
    report = hold(project, world, parts=frozenset({Part.FRESH}))
    assert (report.verdict, report.causes[0].names) == (DriftVerdict.DRIFT, ("nano",))
    assert world.calls["boot live"] == 0
    assert "pinned was not asked for; it was tested on the direct boot path, to compare" in report.evidence
    assert not (project.work / "drift" / NAME / "pinned.json").exists(), "half a test answers for no later night"


def test_what_moved_and_works_is_a_branch_with_the_new_lock(project: Project, mirror: dict[str, object]) -> None:
    report = hold(project, Upstream(), parts=frozenset(Part))
    assert (report.verdict, report.branch) == (DriftVerdict.HOLDS, BRANCH)
    path = str(lock_path(NAME, here().value))
    assert git(project.root, "show", f"{BRANCH}:{path}") == as_text(packages(*FRESH))
    assert git(project.root, "diff", "--name-only", f"HEAD..{BRANCH}").split() == [path]
    assert git(project.root, "rev-list", "--count", f"HEAD..{BRANCH}").strip() == "1"
    folder = project.work / "nights" / report.night
    assert (folder / "pull-request.md").read_text().startswith("small-node: take in 3 inputs")
    assert json.loads((folder / "issues.json").read_text())["good"] is True
    assert last_report(project.work, NAME).startswith("HOLDS  small-node")
    assert hold(project, Upstream()).branch == BRANCH, "a later night takes the branch's place"


def test_the_last_night_is_the_images_own(tmp_path: Path) -> None:
    """The name of one image may end in that of another, or be followed by it."""
    for name in ("20261128-021700-node-3f9a", "20261129-021700-my-node-3f9a", "20261130-021700-node-gpu-3f9a"):
        folder = tmp_path / "nights" / name
        folder.mkdir(parents=True)
        (folder / "drift.txt").write_text(f"HOLDS  {name}\n")
        (folder / "drift.json").write_text(json.dumps({"night": name}))
    (tmp_path / "nights" / "20261201-021700-node-3f9a").mkdir()  # it was killed before it had an answer
    assert last_report(tmp_path, "node") == "HOLDS  20261128-021700-node-3f9a\n"
    assert json.loads(last_report(tmp_path, "node", REPORT)) == {"night": "20261128-021700-node-3f9a"}
    with pytest.raises(ConfigError, match="no night of gpu"):
        last_report(tmp_path, "gpu")


def test_the_pull_request_says_what_differs_between_the_images(
    project: Project, mirror: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(_project: Project, old: str, new: str) -> str:
        return "\n".join([f"Changes from {old} to {new}", "", *(f"- change {number}" for number in range(300))])

    monkeypatch.setattr("imagekit.drift.local.told_difference", told)
    report = hold(project, Upstream())
    assert report.pinned is not None
    assert report.fresh is not None
    text = (project.work / "nights" / report.night / "pull-request.md").read_text()
    assert f"Changes from {report.pinned.digest} to {report.fresh.digest}" in text
    assert "- change 1\n" in text
    assert text.endswith("more: `imagekit diff` tells all\n"), "a forge takes no text of any length"
    assert len(text.splitlines()) < 150
    assert text.strip() == git(project.root, "log", "-1", "--format=%B", BRANCH).strip()


def test_what_differs_is_left_out_where_a_build_is_not_kept(project: Project) -> None:
    assert told_difference(project, "sha256:" + "1" * 64, "sha256:" + "2" * 64) == ""


def test_a_quiet_night_builds_and_boots_nothing(project: Project, mirror: dict[str, object]) -> None:
    mirror["rows"] = PINNED
    world = Upstream()
    first = hold(project, world)
    assert (first.verdict, first.builds) == (DriftVerdict.HOLDS, 1)
    world.calls.clear()
    second = hold(project, world)
    assert (second.verdict, second.builds) == (DriftVerdict.HOLDS, 0)
    assert world.calls["build"] == world.calls["boot direct"] == 0
    assert any(str(first.pinned.run_id) in line for line in second.evidence if first.pinned)
    (project.root / "vm-harness/checks/base/test_x.py").write_text('def test_x(host) -> None:\n    """y holds"""\n')
    assert hold(project, world).builds == 1, "other checks: the good night answers for nothing"


def test_a_good_night_without_scenarios_answers_for_none_with_them(project: Project, mirror: dict[str, object]) -> None:
    mirror["rows"] = PINNED
    world = Upstream()  # one, for its clock goes on
    hold(project, world)
    assert hold(project, world, lifecycle=True).builds == 1
    assert hold(project, world, lifecycle=True).builds == 0
    assert hold(project, world).builds == 0


def test_a_night_that_did_not_ask_whether_what_is_shipped_holds_is_not_green(
    project: Project, mirror: dict[str, object]
) -> None:
    mirror["rows"] = PINNED
    assert hold(project, Upstream(), parts=frozenset({Part.FRESH})).verdict is DriftVerdict.HOLDS
    with open_history(project) as history:
        assert [each.outcome for each in read.nights(history)] == [NightOutcome.UNKNOWN]


def test_the_pinned_build_is_made_again_and_the_kept_one_comes_back_when_that_fails(
    project: Project, mirror: dict[str, object]
) -> None:
    mirror["rows"] = PINNED
    world = Upstream()
    hold(project, world)
    assert world.calls["build"] == 1
    kept = sorted(path.name for path in (project.work / "builds").iterdir())
    hold(project, world, full=True)
    assert world.calls["build"] == 2
    world.failing = {"build"}
    report = hold(project, world, full=True)
    assert report.pinned is not None
    assert report.pinned.result is Result.BAD
    assert sorted(path.name for path in (project.work / "builds").iterdir()) == kept


@pytest.mark.parametrize(
    ("error", "verdict", "code"),
    [
        (MirrorError("the mirror serves half an index"), DriftVerdict.UNKNOWN, 4),
        (OSError(28, "No space left on device"), DriftVerdict.UNKNOWN, 4),
        (ResolveError("sssd depends on libldb2"), DriftVerdict.DRIFT, 5),
    ],
)
def test_what_the_mirror_says(
    project: Project, mirror: dict[str, object], error: Exception, verdict: DriftVerdict, code: int
) -> None:
    mirror["error"] = error
    report = hold(project, Upstream())
    assert (report.verdict, report.verdict.exit_code) == (verdict, code)


def test_a_layer_of_ours_that_breaks_is_named(project: Project, mirror: dict[str, object]) -> None:
    mirror["rows"] = PINNED
    report = hold(project, SimBackend(outcomes={BootPath.DIRECT: Outcome.FAILED}))
    assert report.verdict is DriftVerdict.BROKEN
    assert report.causes[0].layer == "base"
    assert report.verdict.exit_code == 1


def fault(layer: Path) -> bool:
    """Whether one is planted in a layer's folder."""
    file = layer / "planted"
    return file.is_file() and file.read_text() == "fault\n"


class Planted(SimBackend):
    """A world in which checks fail on every stack that has a layer with a planted fault."""

    def build(self, project, plan):  # type: ignore[no-untyped-def]
        found = [name for name in project.image(NAME).layers if fault(project.root / "images" / name)]
        self.outcomes = {BootPath.DIRECT: Outcome.FAILED} if found else {}
        return super().build(project, plan)


@pytest.mark.parametrize("layer", ["base", "extra"])
@pytest.mark.parametrize("how", ["committed", "new", "changed", "staged"])
def test_a_fault_in_no_commit_is_in_the_stacks_too(
    project: Project, mirror: dict[str, object], layer: str, how: str
) -> None:
    """Else every stack is good, and the last layer is blamed for it."""
    mirror["rows"] = PINNED
    path = project.root / "images" / layer / "planted"
    if how == "changed":
        path.write_text("")
        commit(project.root, "a file", "2026-11-23T13:00:00+00:00")
    path.write_text("fault\n")
    if how == "staged":
        git(project.root, "add", str(path))
    if how == "committed":
        commit(project.root, "planted", "2026-11-23T13:00:00+00:00")
    before = git(project.root, "status", "--porcelain")
    report = hold(project, Planted())
    [cause] = report.causes
    assert (cause.attribution, cause.layer) == (Attribution.OURS, layer)
    assert git(project.root, "status", "--porcelain") == before


def test_a_disk_that_was_written_into_the_project_is_no_part_of_it(project: Project, mirror: dict[str, object]) -> None:
    """It would be hashed and kept by git every night."""
    (project.root / "node.raw").write_bytes(b"\x01" * (2 << 20))
    (project.root / "key.asc").write_text("key\n")
    (project.root / "images/base/large").write_bytes(b"\x02" * (2 << 20))
    with checkout(project, project.work / "checkout") as beside:
        names = git(project.root, "ls-tree", "-r", "--name-only", beside.tree).split()
        beside.project({})
        assert (beside.root / "images/base/large").stat().st_size == 2 << 20
    assert {"key.asc", "images/base/large"} < {*names}
    assert "node.raw" not in names


def test_a_project_that_is_a_folder_of_a_repository(tmp_path: Path, mirror: dict[str, object]) -> None:
    outer = tmp_path / "all of it"
    root = make_project(outer / "nodes")
    shutil.rmtree(root / ".git")
    checked_and_locked(root)
    git(outer, "init", "-q", "-b", "main")
    commit(outer, "all", "2026-11-23T12:00:00+00:00")
    (root / "images/base/planted").write_text("fault\n")
    project = load_project(root)
    report = hold(project, Planted())
    assert [each.layer for each in report.causes] == ["base"], report.unknown
    (root / "images/base/planted").unlink()
    report = hold(project, Upstream())
    assert (report.verdict, report.branch) == (DriftVerdict.HOLDS, BRANCH)
    changed = git(outer, "diff", "--name-only", f"HEAD..{BRANCH}").split()
    assert changed == [f"nodes/{lock_path(NAME, here().value)}"]
    assert git(outer, "status", "--porcelain") == ""


def test_what_is_in_no_commit_is_not_committed_with_the_new_lock(project: Project, mirror: dict[str, object]) -> None:
    (project.root / "images/base/new").write_text("mine\n")
    (project.root / "images/base/Dockerfile").write_text("FROM distro AS base\n# mine\n")
    report = hold(project, Upstream())
    assert report.branch == BRANCH
    assert git(project.root, "diff", "--name-only", f"HEAD..{BRANCH}").split() == [str(lock_path(NAME, here().value))]


def near_its_end() -> str:
    """A good authority, in force for 20 days more."""
    return certificate(Authority(ends_in=timedelta(days=20), hash=None), Ed25519PrivateKey.generate())


@pytest.mark.parametrize(("layer", "first"), [("base", "base"), ("extra", "extra")])
def test_the_lowest_layer_that_changed_since_the_last_good_night_is_told(
    project: Project, mirror: dict[str, object], layer: str, first: str
) -> None:
    """It may be another one than the stacks name: a fault of base that only a check of the layer above sees."""
    mirror["rows"] = PINNED
    [cause] = hold(project, SimBackend(outcomes={BootPath.DIRECT: Outcome.FAILED})).causes
    assert any("no good night is known here" in each for each in cause.evidence)
    hold(project, Planted())
    file = project.root / "images" / layer / "Dockerfile"
    file.write_text(file.read_text() + "# another\n")
    commit(project.root, "another", "2026-11-23T13:00:00+00:00")
    [cause] = hold(project, SimBackend(outcomes={BootPath.DIRECT: Outcome.FAILED})).causes
    assert f"changed here since the last good night: the image's sources, from layer {first} up" in cause.evidence


def declare_authority(project: Project, text: str) -> Project:
    """The layer `extra` with one."""
    layer = project.root / "images/extra"
    (layer / "layer.yaml").write_text((layer / "layer.yaml").read_text() + 'present: {certificates: ["files/*"]}\n')
    (layer / "files").mkdir()
    (layer / "files/one.pem").write_text(text)
    commit(project.root, "an authority", "2026-11-23T13:00:00+00:00")
    return load_project(project.root)


class Strict(SimBackend):
    """A world that holds authorities against the clock before it builds, as the real one does."""

    def build(self, project, plan):  # type: ignore[no-untyped-def]
        authorities_of(project, project.image(NAME).layers)
        return super().build(project, plan)


@pytest.mark.parametrize("text", ["no certificate", near_its_end()])
def test_an_authority_that_is_not_taken_any_more_is_ours_and_its_layers(
    project: Project, mirror: dict[str, object], text: str
) -> None:
    mirror["rows"] = PINNED
    world = Strict()
    report = hold(declare_authority(project, text), world)
    assert report.verdict is DriftVerdict.BROKEN, report.unknown
    [cause] = report.causes
    assert (cause.attribution, cause.layer) == (Attribution.OURS, "extra")
    assert "one.pem" in cause.title
    assert any("one.pem" in line for line in cause.evidence), "what ends is told beside the stacks"
    assert world.calls["boot direct"] == 0, "nothing is booted to see what no build comes to"


def test_no_quiet_night_rests_on_an_authority_that_would_be_refused_by_now(
    project: Project, mirror: dict[str, object]
) -> None:
    mirror["rows"] = PINNED
    project = declare_authority(project, near_its_end())
    assert hold(project, SimBackend()).verdict is DriftVerdict.HOLDS, "as if it were refused only from now on"
    report = hold(project, Strict())
    assert report.verdict is DriftVerdict.BROKEN
    assert any("all was done all the same" in each and "one.pem" in each for each in report.evidence)


class Refusing(Upstream):
    """A world in which the checks are refused as they stand."""

    why: ImagekitError

    def lint(self, target, boot_paths):  # type: ignore[no-untyped-def]
        raise self.why


@pytest.mark.parametrize("error", [ContradictionError, BrokenCheckError])
@pytest.mark.parametrize("parts", [PARTS, frozenset({Part.FRESH}), frozenset({Part.PINNED})])
def test_a_file_that_is_refused_before_anything_is_built_is_ours_and_no_layers(
    project: Project, mirror: dict[str, object], parts: frozenset[Part], error: type[ImagekitError]
) -> None:
    """It was refused before anything moved, and a stack that is only built shows nothing of it."""
    world = Refusing()
    world.why = error("base/test_x.py contradicts base/test_y.py", hint="Mend one.")
    report = hold(project, world, parts=parts)
    assert world.calls["build"] == 0
    assert report.pinned is not None
    assert report.pinned.result is Result.BAD
    if Part.PINNED in parts:
        [cause] = report.causes
        assert (cause.attribution, cause.layer) == (Attribution.OURS, "")
        assert cause.title == "base/test_x.py contradicts base/test_y.py"
    else:
        assert report.causes == ()


def test_a_night_is_in_the_history_and_a_cancelled_one_is_an_alarm(project: Project, mirror: dict[str, object]) -> None:
    hold(project, Upstream())
    world = SimBackend(interrupted={"boot direct"})
    with pytest.raises(KeyboardInterrupt):
        hold(project, world, full=True)
    with open_history(project) as history:
        nights = read.nights(history)
    assert [each.outcome for each in nights] == [NightOutcome.GREEN, NightOutcome.CANCELLED]
    assert [each.behind for each in nights] == [3, None]
    assert nights[1].ended is not None
    kinds = {alarm.kind for alarm in watch(project, nights[1].ended).alarms}
    assert AlarmKind.NIGHT_CANCELLED in kinds
    assert git(project.root, "worktree", "list").count("\n") == 1


def test_an_image_without_a_lock_is_said(project: Project) -> None:
    (project.root / lock_path(NAME, here().value)).unlink()
    done = CliRunner().invoke(cli, ["--project", str(project.root), "drift"], standalone_mode=False)
    assert isinstance(done.exception, ConfigError)
    assert "imagekit lock small-node" in done.exception.hint
    with open_history(project) as history:
        assert [each.outcome for each in read.nights(history)] == [NightOutcome.UNKNOWN]


def test_what_a_killed_night_left_is_no_hindrance(project: Project, mirror: dict[str, object]) -> None:
    folder = project.work / "drift" / NAME / "checkout"
    git(project.root, "worktree", "add", "-q", "--detach", str(folder), "HEAD")
    (folder / ".imagekit").symlink_to(project.work)
    (folder / "images/images.yaml").write_text("broken")
    assert hold(project, Upstream()).verdict is DriftVerdict.HOLDS
    assert (project.work / "runs").is_dir(), "nothing followed the link"


def test_scenarios_that_no_run_came_to_are_nothing_that_failed(project: Project, mirror: dict[str, object]) -> None:
    """A check failed before them; were they looked for, each stack would go through all of them, for an hour each."""
    mirror["rows"] = PINNED
    for outcomes, failing in (({BootPath.DIRECT: Outcome.FAILED}, set[str]()), ({}, {"boot direct"})):
        world = SimBackend(outcomes=outcomes, failing=failing)
        report = hold(project, world, lifecycle=True)
        assert report.pinned is not None
        assert not any(each.startswith("scenario:") for each in report.pinned.failed)
        assert report.causes[0].layer == "base"


def test_a_second_night_takes_nothing_from_the_one_that_goes_on(project: Project, mirror: dict[str, object]) -> None:
    """Started by hand while the nightly runs: the checkout would go from under its builds."""
    with opened(project, Upstream()) as first:
        with pytest.raises(ToolError, match="another night goes on"):
            hold(project, Upstream())
        assert isinstance(first, LocalWorld)
        assert (first.beside.root / "images/images.yaml").is_file()
    assert hold(project, Upstream()).verdict is DriftVerdict.HOLDS


def finished(project: Project, backend: SimBackend) -> Finished:
    return run_image(project, NAME, Options(publish=False), backend)


@pytest.mark.parametrize(
    ("world", "result"),
    [
        (SimBackend(), Result.GOOD),
        (SimBackend(outcomes={BootPath.LIVE: Outcome.ERRORED}), Result.BAD),
        (SimBackend(failing={"boot live"}), Result.BAD),
        (SimBackend(failing={"proof"}), Result.BAD),
    ],
)
def test_how_a_run_answers(project: Project, world: SimBackend, result: Result) -> None:
    assert trial_of(finished(project, world)).result is result


@pytest.mark.parametrize(
    "error",
    [
        ToolError("QEMU is gone"),
        ConfigError("no engine"),
        SimulatedError("apt-get: E: Temporary failure resolving 'mirror.example'"),
        SimulatedError("write /x: no space left on device"),
        SimulatedError("502 Bad Gateway"),
        # As the engine's words really come: as the hint of an error about the layer.
        *(
            BuildError("layer 'base' did not build", hint=f"{words}\nAgain: imagekit build x")
            for words in (
                "failed to resolve source metadata for r.example/b: unexpected status: 503 Service Unavailable",
                "failed to do request: Head https://r.example/v2/: dial tcp 10.0.0.1:443: connect: connection refused",
                "dial tcp: lookup r.example: no such host",
                "failed to copy: httpReadSeeker: failed open: unexpected EOF",
                "toomanyrequests: Too Many Requests",
                'dpkg: error\nprocess "/bin/sh -c x" did not complete successfully: exit code: 137',
                'cp: /x: No space left on device\nprocess "/bin/sh -c x" did not complete successfully: exit code: 1',
                'cat: read error: Input/output error\nprocess "x" did not complete successfully: exit code: 1',
            )
        ),
        DigestMismatchError("the registry serves another blob"),
        WrongFileError("k0s has another SHA-256"),
    ],
)
def test_what_is_no_answer_about_the_image(project: Project, error: Exception) -> None:
    done = finished(project, SimBackend(failing={"build"}))
    with pytest.raises(InfrastructureError):
        trial_of(Finished(result=done.result, page=done.page, error=error))
    nothing = finished(project, SimBackend(collects=False))
    with pytest.raises(InfrastructureError, match="tested nothing"):
        trial_of(nothing)
    with pytest.raises(KeyboardInterrupt):
        trial_of(Finished(result=done.result, page=done.page, error=KeyboardInterrupt()))


@pytest.mark.parametrize(
    "words",
    [
        "E: Unable to correct problems",
        "curl: (6) Could not resolve host: example.org",  # a step that wants the network has none, whatever the weather
        "systemctl: Failed to connect to bus: Connection refused",
    ],
)
def test_a_step_that_fails_by_itself_is_the_images(project: Project, words: str) -> None:
    done = finished(project, SimBackend(failing={"build"}))
    step = f'{words}\nprocess "/bin/sh -c /media/setup.sh" did not complete successfully: exit code: 6'
    error = BuildError("layer 'base' did not build", hint=f"{step}\nThis build is locked: its steps have no network")
    assert trial_of(Finished(result=done.result, page=done.page, error=error)).result is Result.BAD


@pytest.mark.parametrize("error", [AuthorityError("it ends"), NotLockedError("images/locks does not cover less")])
def test_what_the_projects_own_files_are_refused_for_is_the_images(project: Project, error: Exception) -> None:
    done = finished(project, SimBackend(failing={"build"}))
    found = trial_of(Finished(result=done.result, page=done.page, error=error))
    assert (found.result, found.build_failed, found.early) == (Result.BAD, True, False)


def test_the_world_is_one(project: Project) -> None:
    with open_world(project, NAME, "n1", SimBackend()) as world:
        checked: World = world
        assert isinstance(checked, LocalWorld)
        assert checked.layers == ("base", "extra")
        assert checked.released() == ()


def test_what_other_images_are_made_of_too_is_said_where_it_moves(project: Project) -> None:
    images = project.root / "images/images.yaml"
    tag = "docker.io/library/x:9"
    both = images.read_text() + images.read_text().split("images:\n")[1].replace("small-node", "other-node")
    images.write_text(both.replace("{distro: trixie}", '{image: "' + tag + '"}'))
    commit(project.root, "two", "2026-11-24T12:00:00+00:00")
    changes = [
        Change(Key("images.lock", tag), Input("a", "a"), Input("b", "b")),
        Change(Key("base", "less"), None, None),
    ]
    with open_world(load_project(project.root), NAME, "n1", SimBackend()) as world:
        assert world.shared(changes) == (f"{tag} is also what other-node is made of, which was not built",)
        assert world.shared(changes[1:]) == ()
    text = pull_request(NAME, "n1", changes[:1], None, world.shared(changes))
    assert r"**docker.io/library/x\:9 is also what other\-node is made of, which was not built.**" in text
