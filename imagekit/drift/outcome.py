"""How a run ended, as the answer of a trial: what is the image's, and what stood in its way (pure)."""

from __future__ import annotations

import re

from imagekit.app.options import Finished
from imagekit.base.errors import ConfigError, RefusedError
from imagekit.base.text import one_line
from imagekit.build.builder import BuildError
from imagekit.build.download import WrongFileError
from imagekit.checks.outcome import Outcome
from imagekit.checks.request import BrokenCheckError
from imagekit.config.authorities import AuthorityError
from imagekit.drift.interface import InfrastructureError
from imagekit.drift.model import Result, Trial
from imagekit.machine.interface import BootPath
from imagekit.plan.lock import NotLockedError
from imagekit.registry.errors import DigestMismatchError
from imagekit.report.result import Verdict

# What a build engine passes on from below it as if a step of the Dockerfile had failed.
_MACHINE = r"no space left on device|out of memory|cannot allocate memory|input/output error|exit code: 137\b"
_NETWORK = (
    r"temporary failure (in name resolution|resolving)|could not resolve|no such host|network is unreachable"
    r"|connection (refused|reset|timed out)|i/o timeout|tls handshake|hash sum mismatch|unexpected eof"
    r"|5\d\d (internal server error|bad gateway|service unavailable|gateway time-?out)|too many requests"
    r"|cannot connect to the docker daemon"
)
_BELOW_STEP = re.compile(_MACHINE, re.IGNORECASE)
_BELOW = re.compile(f"{_MACHINE}|{_NETWORK}", re.IGNORECASE)
# A step's own program ended; steps of a locked build have no network, so one that wants it is at fault itself.
_STEP = "did not complete successfully"
# Served in the place of what is locked: no image was made of it.
_SERVED = (DigestMismatchError, WrongFileError)
# The project's own files, and time: an authority that ends, a lock that was not written anew. Beside these, all that
# is refused where checks and cloud-config are held against each other.
_OWN = (AuthorityError, NotLockedError)
_FILES = "lint"


def trial_of(finished: Finished, *, built: bool = False) -> Trial:
    """The answer; with `built`, whether it was built is all that was asked.

    Raises `InfrastructureError` for a run that something else ended, and what interrupted it.
    """
    result, error = finished.result, finished.error
    if error is not None and not isinstance(error, Exception):
        raise error
    stage = result.failure.stage if result.failure else ""
    early = stage == _FILES and isinstance(error, (ConfigError, RefusedError, BrokenCheckError))
    own = early or isinstance(error, (RefusedError, *_OWN))
    if error is not None and (isinstance(error, _SERVED) or not own):
        raise InfrastructureError(one_line(f"{stage or 'run'}: {error}", 500))
    if isinstance(error, RefusedError) and (found := _from_below(error)):
        raise InfrastructureError(one_line(f"{found}: {error}", 500))
    checks = result.suites.blocking if result.suites else ()
    # Where a machine or its checks ended the run, no scenario was come to, and none of them shows anything.
    reached = error is None and not checks
    broken = [each for each in result.scenarios if each.blocks and (reached or each.outcome is not Outcome.MISSING)]
    good = result.verdict is Verdict.PASSED or (built and error is None and bool(result.digest))
    if not good and error is None and not checks and not broken:
        raise InfrastructureError(f"run {result.run_id} tested nothing")
    failed = (*(each.id for each in checks), *(f"scenario:{each.name}" for each in broken))
    reason = str(error) if error is not None else (checks[0].message if checks else broken[0].detail if broken else "")
    return Trial(
        result=Result.GOOD if good else Result.BAD,
        digest=result.digest,
        run_id=result.run_id,
        failed=failed,
        layers=tuple(dict.fromkeys(each.layer for each in checks)),
        reason=one_line(reason, 500),
        boot_path=_boot_path(stage),
        early=early,
        seconds=result.seconds,
    )


def _boot_path(stage: str) -> str:
    """The boot path whose boot or checks a stage is; empty for others."""
    part, _, name = stage.partition(" ")
    return name if part in ("boot", "checks") and name in [*BootPath] else ""


def _from_below(error: RefusedError) -> str:
    """What stood in the way of a build, in the engine's words; they are the hint of a `BuildError`."""
    said = f"{error}\n{error.hint}" if isinstance(error, BuildError) else str(error)
    found = (_BELOW_STEP if _STEP in said else _BELOW).search(said)
    return found[0] if found else ""
