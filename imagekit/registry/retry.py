"""Trying again what failed in passing, a bounded number of times, and no sooner than the registry asks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from imagekit.base.log import progress
from imagekit.registry.errors import RegistryUnavailableError, TransientError
from imagekit.registry.timeouts import Timeouts

T = TypeVar("T")
UNAVAILABLE = "Is the registry running? Running the same command again goes on where this one stopped."
_UNRESOLVED = (
    "Is the name right (`registry:` in imagekit.yaml), and can this host look it up? `getent hosts {host}` says."
)


def retried(address: str, limits: Timeouts, what: str, work: Callable[[], T]) -> T:
    """Do `work` until it does not fail in passing; raises `RegistryUnavailableError` naming registry and `what`."""
    import tenacity

    def once() -> T:
        try:
            return work()
        except TransientError as error:
            if error.after <= limits.longest_wish:
                raise
            raise RegistryUnavailableError(
                f"registry {address}: {what}: {error}",
                hint=f"It asks for a pause of {error.after:.0f} s: run the same command again after that.",
            ) from error

    def asked_pause(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        return error.after if isinstance(error, TransientError) else 0.0

    def say(state: tenacity.RetryCallState) -> None:
        wished = f" in {asked_pause(state):.0f} s, as it asks" if asked_pause(state) else ""
        progress(f"registry {address}: {what} failed in passing, trying again{wished}")

    usual = tenacity.wait_random_exponential(multiplier=limits.first_pause, max=limits.longest_pause)
    retries = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(limits.attempts),
        wait=lambda state: max(usual(state), asked_pause(state)),
        retry=tenacity.retry_if_exception_type(TransientError),
        before_sleep=say,
        sleep=time.sleep,
        reraise=True,
    )
    try:
        return retries(once)
    except TransientError as error:
        raise RegistryUnavailableError(
            f"registry {address}: {what}: {error} (tried {limits.attempts} times)", hint=_advice(address, str(error))
        ) from error


def _advice(address: str, said: str) -> str:
    """What to do about a registry that cannot be reached; urllib3 says so of a name that is not found."""
    host = address.partition(":")[0]
    return _UNRESOLVED.format(host=host) if "Failed to resolve" in said else UNAVAILABLE
