"""Cloud-configs merged and rendered for a platform, after they were found without an error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from imagekit.artifact.userdata import Form, rendered
from imagekit.base.errors import ConfigError
from imagekit.config.cloudlint import Finding, Severity, lint, lint_together
from imagekit.config.load import Project
from imagekit.config.merge import cloud_config_text, merged_cloud_config

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,54}[a-z0-9])?")  # with "-config" behind it still a label, RFC 1123


def rendered_files(paths: Sequence[Path], form: str, name: str) -> dict[str, str]:
    """The merged files in one of the forms, by file name. Raises `ConfigError` for the first error of `lint`."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is no name of a machine",
            hint="Lower-case letters, digits and hyphens, 56 at most.",
        )
    found = [finding for path in paths for finding in lint(path)]
    if not any(finding.severity is Severity.ERROR for finding in found):
        found += lint_together(paths)
    _require_none(found)
    return rendered(cloud_config_text(merged_cloud_config(paths)), Form(form), name=name)


def require_clean_profile(project: Project, image: str) -> None:
    """Raise `ConfigError` for the first thing in an image's cloud-config that its node would pass over."""
    for path in project.image(image).cloud_config:
        found = lint(project.root / path)
        _require_none([replace(each, file=str(path)) for each in found])


def _require_none(found: Iterable[Finding]) -> None:
    for finding in found:
        if finding.severity is Severity.ERROR:
            place = f"{finding.file}:{finding.line}" if finding.line else finding.file
            raise ConfigError(f"{place}: {finding.text}", hint=finding.hint)
