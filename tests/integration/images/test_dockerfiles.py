"""BuildKit's own checks of the Dockerfiles, those of `docker buildx build --check`, by a version that is pinned.

The program is tests/support/dockerlint: a host's buildx may have no --check (before 0.15), or a daemon that cannot.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagekit.base.process import ProcessError, run

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "images").glob("*/Dockerfile"))
# Not asked for: InvalidDefinitionDescription, the one experimental rule, wants `# NAME description` over each ARG and
# FROM. It serves `--call=outline`, which nobody calls here.
BROKEN = {
    "StageNameCasing": "FROM scratch AS Base\n",
    "FromAsCasing": "FROM scratch as base\n",
    "UndefinedVar": "FROM scratch\nENV A=$PTAH\n",
    "UndefinedArgInFrom": "FROM ${NOWHERE:-scratch}\nARG A\nFROM x${NOWHERE2}\n",
    "SecretsUsedInArgOrEnv": "FROM scratch\nARG DB_PASSWORD\n",
    "JSONArgsRecommended": "FROM scratch\nCMD /bin/bash\n",
    "LegacyKeyValueFormat": "FROM scratch\nENV A b\n",
    "WorkdirRelativePath": "FROM scratch\nWORKDIR srv\n",
    "BuildError": "FROM scratch\nRUNN true\n",
}


def findings(path: Path) -> list[dict[str, object]]:
    """What BuildKit finds in a Dockerfile."""
    program = ROOT / ".imagekit/tools/bin/dockerlint"
    if not program.exists():
        pytest.skip("no dockerlint: bin/setup dev builds it where Go is")
    names = [part for name in ("BASE_IMAGE", "PARENT", "KAIROS_INIT") for part in ("-build-arg", f"{name}=scratch")]
    try:
        said = run([program, *names, path], timeout=60).stdout
    except ProcessError as error:
        if error.returncode != 1:
            raise
        said = error.stdout
    found: list[dict[str, object]] = json.loads(said)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_buildkit_finds_nothing(path: Path) -> None:
    assert findings(path) == []


def test_there_are_dockerfiles_to_check() -> None:
    assert len(FILES) > 5


@pytest.mark.parametrize(("rule", "text"), BROKEN.items(), ids=BROKEN)
def test_a_broken_dockerfile_is_refused(tmp_path: Path, rule: str, text: str) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text(text)
    found = findings(path)
    assert rule in [each["rule"] for each in found]
    assert all(each["line"] and each["detail"] for each in found)
