"""Issues and pull requests of a GitHub repository, through the gh program and its ``api`` command alone.

gh knows the token (``GH_TOKEN``), the host (``GH_HOST``) and proxies; https://cli.github.com/manual/gh_api
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from imagekit.base.errors import ConfigError, ToolError
from imagekit.base.process import ProcessError, run
from imagekit.drift.issues import LABEL, Issue, dump

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/(?!\.{1,2}$)[A-Za-z0-9._-]+")
_PASSED_ON = (
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GH_HOST",
    "GH_CONFIG_DIR",
    "GH_ENTERPRISE_TOKEN",
    "HOME",
    "PATH",
    "HTTPS_PROXY",
)
_PAGES = 20


class GitHub:
    """One repository, ``OWNER/NAME``; raises `ConfigError` for another form."""

    def __init__(self, repository: str, environ: Mapping[str, str] = os.environ) -> None:
        if not _REPOSITORY.fullmatch(repository):
            raise ConfigError(f"{repository!r} is no repository", hint="Write OWNER/NAME.")
        self._base = f"repos/{repository}"
        self._owner = repository.partition("/")[0]
        self._environ = {key: environ[key] for key in _PASSED_ON if key in environ}

    def opened(self) -> Sequence[Issue]:
        """See `imagekit.drift.issues.Tracker`; pull requests, which the interface lists too, are left out."""
        found: list[Issue] = []
        for page in range(1, _PAGES + 1):
            query = f"labels={LABEL}&state=open&per_page=100&direction=asc&page={page}"
            rows = self._api("GET", f"issues?{query}")
            found += [
                Issue(int(row["number"]), str(row["title"]), str(row.get("body") or ""))
                for row in rows
                if "pull_request" not in row
            ]
            if len(rows) < 100:
                return found
        raise ToolError(f"more than {_PAGES * 100} open issues are labelled {LABEL}", hint="Close some by hand.")

    def create(self, title: str, body: str) -> int:
        """See `Tracker`; the label is made by the first issue that has it."""
        return int(self._api("POST", "issues", {"title": title, "body": body, "labels": [LABEL]})["number"])

    def update(self, number: int, title: str, body: str) -> None:
        """See `Tracker`."""
        self._api("PATCH", f"issues/{number}", {"title": title, "body": body})

    def close(self, number: int, comment: str) -> None:
        """See `Tracker`; the comment first, so that an issue that is closed says why."""
        self._api("POST", f"issues/{number}/comments", {"body": comment})
        self._api("PATCH", f"issues/{number}", {"state": "closed", "state_reason": "completed"})

    def pull_request(self, branch: str, base: str, text: Path) -> int:
        """The open pull request of a branch, made or brought up to date; `text` holds title, empty line, body."""
        title, _, body = text.read_text().partition("\n")
        query = urlencode({"state": "open", "head": f"{self._owner}:{branch}", "base": base})
        rows = self._api("GET", f"pulls?{query}")
        if rows:
            number = int(rows[0]["number"])
            self._api("PATCH", f"pulls/{number}", {"title": title, "body": body.strip()})
            return number
        made = self._api("POST", "pulls", {"title": title, "body": body.strip(), "head": branch, "base": base})
        return int(made["number"])

    def _api(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        argv = ["gh", "api", "--method", method, "-H", "Accept: application/vnd.github+json", f"{self._base}/{path}"]
        stdin = dump(body) if body is not None else None
        try:
            done = run(
                [*argv, *(["--input", "-"] if body is not None else [])], timeout=120, env=self._environ, stdin=stdin
            )
            return json.loads(done.stdout)
        except ProcessError as error:
            raise ToolError(str(error), hint="Is gh there, GH_TOKEN set, and may it write issues?") from None
        except ValueError:
            raise ToolError(f"GitHub did not answer with JSON to {method} {path.partition('?')[0]}") from None
