"""Which role of k0s a profile gives, and that checks of a role are asked of such nodes only."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.checks.request import Suites
from imagekit.checks.role import role_of, section_of
from imagekit.checks.runner import collect_checks
from imagekit.config.jointoken import Role
from imagekit.machine.interface import BootPath

WORKER = "k0s-worker: {enabled: true, args: [--token-file, /t]}\n"
CONTROLLER = "k0s: {enabled: true}\n"


def profile(tmp_path: Path, *texts: str) -> tuple[str, ...]:
    paths = [tmp_path / f"{number}.yaml" for number, _ in enumerate(texts)]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(f"#cloud-config\n{text}")
    return tuple(map(str, paths))


@pytest.mark.parametrize(
    ("texts", "role"),
    [
        ((WORKER,), Role.WORKER),
        ((CONTROLLER,), Role.CONTROLLER),
        ((WORKER, CONTROLLER), Role.CONTROLLER),
        ((WORKER, "k0s-worker: {enabled: false}\n"), None),
        (("hostname: a\n",), None),
        ((), None),
    ],
)
def test_the_role_is_what_the_merged_profile_enables(tmp_path: Path, texts: tuple[str, ...], role: Role | None) -> None:
    assert role_of(profile(tmp_path, *texts), BootPath.INSTALLED) is role


def test_a_direct_boot_gives_no_role(tmp_path: Path) -> None:
    assert role_of(profile(tmp_path, WORKER), BootPath.DIRECT) is None


def test_the_section_is_the_roles_own(tmp_path: Path) -> None:
    assert section_of(profile(tmp_path, WORKER), Role.WORKER)["args"] == ["--token-file", "/t"]
    assert section_of((), Role.WORKER) == {}


def test_checks_of_a_role_are_expected_of_such_nodes_only(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]

    def expected(*texts: str) -> set[str]:
        files = tuple(map(Path, profile(tmp_path, *texts)))
        where = Suites(
            checks_root=root / "vm-harness/checks", images_root=root / "images", out=tmp_path / "out", profile=files
        )
        return {each.id for each in collect_checks(["k0s"], where, boot_path=BootPath.INSTALLED)}

    without, asked = expected("hostname: a\n"), expected(WORKER)
    assert without
    assert {name.partition("::")[0] for name in asked - without} == {"k0s/test_join.py"}
    assert without < asked
