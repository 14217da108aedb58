"""Merging follows the Kairos agent."""

from pathlib import Path

from imagekit.config.goyaml import as_whole
from imagekit.config.merge import cloud_config_text, merge, merged_cloud_config


def test_later_wins_mappings_deeply_lists_of_mappings_joined_lists_of_scalars_united() -> None:
    below = {"a": 1, "m": {"x": 1, "y": 2}, "steps": [{"n": 1}], "names": ["a", "b"]}
    above = {"a": 2, "m": {"y": 3}, "steps": [{"n": 1}], "names": ["b", "c"], "new": True}
    assert merge(below, above) == {
        "a": 2,
        "m": {"x": 1, "y": 3},
        "steps": [{"n": 1}, {"n": 1}],
        "names": ["a", "b", "c"],
        "new": True,
    }
    assert below["m"] == {"x": 1, "y": 2}


def test_permissions_stay_octal_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("#cloud-config\nstages:\n  boot:\n    - files:\n        - {path: /a, permissions: 0644}\n")
    merged = merged_cloud_config([path])
    (file,) = merged["stages"]["boot"][0]["files"]
    assert as_whole(file["permissions"]) == 0o644
    assert "permissions: 0644\n" in cloud_config_text(merged)
