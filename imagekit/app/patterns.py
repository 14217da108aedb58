"""Names and patterns of checks in the policy, held against those that there are: one that binds nothing is a typo."""

from __future__ import annotations

from fnmatch import fnmatchcase

from imagekit.app.muting import checks_of, suites_of_image
from imagekit.base.errors import ConfigError
from imagekit.checks.known import matches, unknown
from imagekit.config.load import Project
from imagekit.machine.interface import BootPath
from imagekit.scenarios.table import SCENARIOS
from imagekit.trust.evidence.testrun import SCENARIO_PREFIX
from imagekit.trust.gate.policy import POLICY_FILE, PUBLISH, Policy, Requirements

_PATHS = tuple(path.value for path in BootPath)
_NAMES = tuple(each.name for each in SCENARIOS)


def require_patterns(project: Project, policy: Policy) -> None:
    """Raise `ConfigError` for a pattern that matches no check of any image, and a scenario, suite or boot path not
    known.

    A project without images (a repository of decisions alone) has no checks to hold them against.
    """
    if not project.images:
        return
    known, suites = checks_of(project), suites_of_image(project)
    for channel, wanted in {PUBLISH: policy.publish, **policy.channels}.items():
        for key, pattern in _patterns(wanted):
            if not _binds(pattern, known):
                raise ConfigError(
                    f"{POLICY_FILE}: {channel}: {key}: {pattern!r} matches no check",
                    hint=unknown(pattern, known).hint,
                )
        _require_names(channel, wanted, suites)


def _patterns(wanted: Requirements) -> list[tuple[str, str]]:
    checks = [("tests.checks", each) for each in wanted.tests.checks] if wanted.tests is not None else []
    return [*checks, *(("waivers.never", each) for each in wanted.waivers.never)]


def _binds(pattern: str, known: tuple[str, ...]) -> bool:
    scenarios = any(fnmatchcase(SCENARIO_PREFIX + name, pattern) for name in _NAMES)
    return scenarios or matches(pattern, known, _PATHS)


def _require_names(channel: str, wanted: Requirements, suites: tuple[str, ...]) -> None:
    if wanted.tests is None:
        return
    tests = wanted.tests
    for what, asked, there in (
        ("scenarios", tests.scenarios, _NAMES),
        ("boot_paths", tests.boot_paths, _PATHS),
        ("required_suites", tests.required_suites, suites),
    ):
        for name in asked:
            if name not in there:
                raise ConfigError(
                    f"{POLICY_FILE}: {channel}: tests: {what}: there is no {name!r}",
                    hint=f"There are: {', '.join(there)}.",
                )
