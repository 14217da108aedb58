"""Why vulnerabilities could not be told; never the same as having none."""

from __future__ import annotations

from typing import ClassVar

from imagekit.base.errors import ConfigError, ImagekitError


class NoAdvisoriesError(ImagekitError):
    """No source of advisories could be read, or none speaks of this distribution: nothing is known, which is not 0."""

    exit_code: ClassVar[int] = 4


class AdvisoryError(ConfigError):
    """A file of advisories or of VEX statements is not what its format says."""
