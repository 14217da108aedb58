"""The Git server that Flux is tested with, by git itself."""

from pathlib import Path

from imagekit.base.process import run
from imagekit.bench.fluxlab import GitRepo, git_server


def test_git_reads_what_was_pushed(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    first = repo.commit({"a/b.yaml": b"one\n"}, "one")
    with git_server(repo.bare) as address:
        run(["git", "clone", "-q", address, tmp_path / "clone"], timeout=60)
        assert (tmp_path / "clone" / "provision" / "a" / "b.yaml").read_text() == "one\n"
        second = repo.commit({"c.yaml": b"two\n"}, "two")
        run(["git", "-C", tmp_path / "clone", "pull", "-q"], timeout=60)
        assert [each.name for each in (tmp_path / "clone" / "provision").iterdir()] == ["c.yaml"]
        third = repo.revert()
        run(["git", "-C", tmp_path / "clone", "pull", "-q"], timeout=60)
        assert (tmp_path / "clone" / "provision" / "a" / "b.yaml").exists()
    assert len({first, second, third}) == 3
