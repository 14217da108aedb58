"""Declared state (W30): the layers' directories are merged, planned, and written where immucore takes them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from imagekit.base.process import run
from imagekit.config.load import load_project
from imagekit.plan.resolve import make_plan

ROOT = Path(__file__).parents[3]


def test_a_joined_domain_is_declared_to_last() -> None:
    project = load_project(ROOT)
    state = project.state_of(project.image("debian-node"))
    assert {"/etc/sssd", "/etc/krb5", "/var/lib/sss"} <= set(state)
    assert list(state) == sorted(set(state))


@pytest.mark.parametrize("image", ["debian-node", "rocky9-k0s-node"])
def test_the_stamp_gets_what_all_layers_declare(image: str) -> None:
    project = load_project(ROOT)
    args = make_plan(project, image).stage("stamp").args
    assert args["STATE"].split() == list(project.state_of(project.image(image)))


def declared(tmp_path: Path, *directories: str) -> tuple[int, Path, str]:
    """Run the build's script with its paths below a folder: exit code, the file it writes, what it says."""
    script = (ROOT / "images/scripts/declare-state.sh").read_text()
    script = script.replace("target=/", f"target={tmp_path}/").replace(
        '[ -d "$directory"', f'[ -d "{tmp_path}$directory"'
    )
    (tmp_path / "declare-state.sh").write_text(script)
    (tmp_path / "lib.sh").write_text((ROOT / "images/scripts/lib.sh").read_text())
    argv = ["sh", str(tmp_path / "declare-state.sh"), *directories]
    done = run(argv, timeout=20, env={"LAYER_EPOCH": "1"}, ok=range(256))
    return done.returncode, tmp_path / "system/oem/36_imagekit_state.yaml", done.stderr


def test_the_file_is_a_stage_that_adds_to_the_layout(tmp_path: Path) -> None:
    for name in ("etc/sssd", "var/lib/sss"):
        (tmp_path / name).mkdir(parents=True)
    code, path, _ = declared(tmp_path, "/etc/sssd", "/var/lib/sss")
    assert code == 0
    (step,) = yaml.safe_load(path.read_text())["stages"]["rootfs.before"]
    assert step["environment_file"] == "/run/cos/cos-layout.env"
    assert step["environment"] == {"CUSTOM_BIND_MOUNTS": "/etc/sssd /var/lib/sss"}
    for mode in ("recovery_mode", "autoreset_mode", "uki_install_mode"):
        assert f"! -e /run/cos/{mode}" in step["if"]


def test_a_directory_that_the_image_lacks_is_refused(tmp_path: Path) -> None:
    code, path, said = declared(tmp_path, "/etc/nowhere")
    assert code == 1
    assert "declares the state /etc/nowhere, and the image has no such directory" in said
    assert not path.exists()


def test_nothing_declared_writes_nothing(tmp_path: Path) -> None:
    code, path, _ = declared(tmp_path)
    assert (code, path.exists()) == (0, False)


# What a node may be running when its seed brings a secret that works once; what it gets for it is lost in the latter.
LASTING, FORGETFUL = ("active", "passive", ""), ("live", "uki_install", "recovery", "autoreset")


@pytest.mark.parametrize("mode", [*LASTING, *FORGETFUL])
def test_a_one_time_password_is_used_where_the_keytab_lasts(mode: str, tmp_path: Path) -> None:
    """The direct boot path has no sentinel."""
    profile = yaml.safe_load((ROOT / "cloud-config/profiles/ad-joined.yaml").read_text())
    (condition,) = [step["if"] for step in profile["stages"]["network.after"] if step["name"].startswith("Join once")]
    for name in ("cos", "krb5"):
        (tmp_path / name).mkdir()
    (tmp_path / "krb5/join-password").write_text("one-time")
    if mode:
        (tmp_path / f"cos/{mode}_mode").write_text("1")
    here = condition.replace("/run/cos", f"{tmp_path}/cos").replace("/etc/krb5", f"{tmp_path}/krb5")
    assert (run(["sh", "-c", here], timeout=20, ok=(0, 1)).returncode == 0) is (mode in LASTING)


@pytest.mark.parametrize("mode", FORGETFUL)
def test_a_join_token_is_used_where_the_agents_key_lasts(mode: str) -> None:
    unit = ROOT / "images/spire/files/usr/lib/systemd/system/spire-agent.service"
    assert f"ConditionPathExists=!/run/cos/{mode}_mode" in unit.read_text().splitlines()
