"""What a scenario says when a node does not do as promised."""

from __future__ import annotations

from imagekit.base.errors import ConfigError, RefusedError


class PromiseBrokenError(RefusedError):
    """The node did not do what the scenario promises."""


class UnknownScenarioError(ConfigError):
    """No scenario has this name."""
