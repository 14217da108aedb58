"""Cloud-configs merged and rendered for a platform, after they were found without an error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from imagekit.artifact.userdata import Form, rendered
from imagekit.base.errors import ConfigError
from imagekit.config.cloudlint import Severity, lint, lint_together
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
    for finding in found:
        if finding.severity is Severity.ERROR:
            place = f"{finding.file}:{finding.line}" if finding.line else finding.file
            raise ConfigError(f"{place}: {finding.text}", hint=finding.hint)
    return rendered(cloud_config_text(merged_cloud_config(paths)), Form(form), name=name)
