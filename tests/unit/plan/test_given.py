"""What an image is made of decides its id, version and digest; when that was committed does not (issue 16, 2)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from imagekit.config.load import load_project
from imagekit.plan.given import remember
from imagekit.plan.model import Plan
from imagekit.plan.resolve import make_plan
from tests.support.project import IMAGES, commit, git, make_project

OTHER = (
    IMAGES.replace("small-node", "other-node").removeprefix("version: 1\nimages:\n").replace("[base, extra]", "[base]")
)
LOCK = "version: 1\nimages: {{quay.io/a/b:1: 'sha256:{}', quay.io/c/d:1: 'sha256:{}'}}\nfiles: {{}}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


def plan(root: Path, image: str = "small-node") -> Plan:
    return make_plan(load_project(root), image)


def name_of(plan: Plan) -> tuple[str, str]:
    return plan.id, plan.version


def edit(root: Path, text: str = "RUN true\n") -> None:
    path = root / "images/extra/Dockerfile"
    path.write_text(path.read_text() + text)


def build(root: Path) -> Plan:
    """As the builder does when it has built a plan."""
    found = plan(root)
    remember(load_project(root).work, found)
    return found


def test_committing_what_was_built_changes_neither_id_nor_version(root: Path) -> None:
    edit(root)
    before = build(root)
    commit(root, "extra", "2026-11-29T12:00:00+00:00")
    after = plan(root)
    assert name_of(after) == name_of(before)
    assert before.source.revision.endswith("-dirty")
    assert after.source.revision == git(root, "rev-parse", "HEAD").strip()  # what the provenance then names


@pytest.mark.parametrize("how", ["amend", "two commits", "empty commit", "merge", "revert and again"])
def test_nor_does_any_other_way_to_the_same_files(root: Path, how: str) -> None:
    edit(root)
    if how == "amend":
        commit(root, "half", "2026-11-25T12:00:00+00:00")
        edit(root)
    before, late = build(root), "2026-11-30T12:00:00+00:00"
    match how:
        case "amend":
            git(root, "add", "-A")
            git(root, *WHO, "commit", "-q", "--amend", "-m", "whole", f"--date={late}")
        case "two commits":
            commit(root, "first", late)
            (root / "cloud-config/more.yaml").write_text("#cloud-config\n")
            commit(root, "second", late)
        case "empty commit":
            commit(root, "one", late)
            git(root, *WHO, "commit", "-q", "--allow-empty", "-m", "nothing")
        case "merge":
            git(root, "checkout", "-q", "-b", "side")
            commit(root, "side", late)
            git(root, "checkout", "-q", "main")
            git(root, *WHO, "merge", "-q", "--no-ff", "-m", "merge", "side")
        case _:
            commit(root, "one", late)
            git(root, *WHO, "revert", "--no-edit", "HEAD")
            git(root, *WHO, "revert", "--no-edit", "HEAD")
    assert name_of(plan(root)) == name_of(before)


WHO = ("-c", "user.name=Test", "-c", "user.email=test@example.org")


def test_the_id_names_content_alone_in_every_clone(root: Path) -> None:
    """Another machine, which built nothing yet, has the same id; its version has the day of the commit."""
    edit(root)
    before = build(root)
    commit(root, "extra", "2026-11-29T12:00:00+00:00")
    clone = root.with_name("clone")
    git(root, "clone", "-q", str(root), str(clone))
    shutil.rmtree(load_project(clone).work, ignore_errors=True)  # the small project has no .gitignore
    assert plan(clone).id == before.id
    assert plan(clone).version == f"v2026.1129.0-g{before.id[:7]}"


def test_other_content_has_another_id_and_the_day_of_its_own_commit(root: Path) -> None:
    before = build(root)
    edit(root)
    commit(root, "extra", "2026-11-29T12:00:00+00:00")
    assert plan(root).id != before.id
    assert plan(root).version.startswith("v2026.1129.0-g")


def test_what_other_images_are_made_of_changes_nothing_here(root: Path) -> None:
    before = plan(root)
    (root / "images/images.yaml").write_text(IMAGES + OTHER)
    commit(root, "another image", "2026-11-28T12:00:00+00:00")
    assert name_of(plan(root)) == name_of(before)
    edit(root)
    commit(root, "extra is not in the other image", "2026-11-29T12:00:00+00:00")
    assert plan(root, "other-node").version.startswith("v2026.1122.0-g")
    assert plan(root).version.startswith("v2026.1129.0-g")


def test_a_new_digest_in_the_lock_dates_the_images_that_use_it(root: Path) -> None:
    text = IMAGES + OTHER
    for name in ("a/b", "c/d"):
        text = text.replace("{distro: trixie}", f"{{image: 'quay.io/{name}:1'}}", 1)
    (root / "images/images.yaml").write_text(text)
    (root / "images/images.lock").write_text(LOCK.format("1" * 64, "2" * 64))
    commit(root, "lock", "2026-11-24T12:00:00+00:00")
    first = plan(root), plan(root, "other-node")
    (root / "images/images.lock").write_text(LOCK.format("1" * 64, "3" * 64))
    commit(root, "a new base of the other image", "2026-11-29T12:00:00+00:00")
    assert name_of(plan(root)) == name_of(first[0])
    assert plan(root, "other-node").version.startswith("v2026.1129.0-g")


@pytest.mark.parametrize("damage", ["", "[]", '{"date": "x"}', '{"date": -1}', '{"date": true', '{"other": 1}'])
def test_a_damaged_note_is_as_good_as_none(root: Path, damage: str) -> None:
    before = build(root)
    (note,) = (load_project(root).work / "versions").iterdir()
    note.write_text(damage)
    assert name_of(plan(root)) == name_of(before)
