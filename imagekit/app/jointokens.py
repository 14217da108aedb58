"""A join token judged: by itself, by its server, by its cluster. What is said holds no secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imagekit.base.errors import ConfigError
from imagekit.config.jointoken import Fault, JoinToken, JoinTokenError, Role, Wrong, read_join_token, wrong_with
from imagekit.kube.client import session
from imagekit.kube.join import asked, registered
from imagekit.kube.kubeconfig import read_kubeconfig

_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A token, None where it cannot be read, and all that is wrong with it."""

    token: JoinToken | None
    wrong: tuple[Wrong, ...]

    def as_text(self) -> str:
        """For people: what the token is, then each finding with its hint."""
        known = f"token {self.token.id} of {self.token.user} for {self.token.server}" if self.token else ""
        findings = [f"{each.fault}: {each.text}\n  {each.hint}" for each in self.wrong]
        return "\n".join(filter(None, (known, *findings, "" if self.wrong else "nothing is wrong with it")))

    def as_json(self) -> dict[str, Any]:
        """For programs; never with the secret or the authority."""
        token = self.token
        known = {"id": token.id, "user": token.user, "role": token.role, "server": token.server} if token else None
        return {
            "token": known,
            "wrong": [{"fault": each.fault, "text": each.text, "hint": each.hint} for each in self.wrong],
        }


def judged_token(
    file: Path, role: Role, *, authority: Path | None = None, ask: bool = False, kubeconfig: Path | None = None
) -> Judged:
    """Judge the token in a file, for a node of a role.

    `authority` is the cluster's certificate (PEM); with `ask` its server is asked, with `kubeconfig` the cluster.
    Raises `ConfigError` for files that cannot be read, `ApiError` and `ApiUnreachableError` of the administrator's way.
    """
    now = datetime.now(UTC)
    wanted = _certificates(authority) if authority else b""
    try:
        token = read_join_token(_text(file))
    except JoinTokenError as error:
        return Judged(token=None, wrong=(Wrong(fault=error.fault, text=str(error), hint=error.hint),))
    wrong = wrong_with(token, now=now, role=role, authority=wanted)
    if kubeconfig:
        with session(read_kubeconfig(kubeconfig)) as api:
            wrong += registered(token, api, now=now)
    if ask and not any(each.fault is Fault.SERVER for each in wrong):
        wrong += asked(token, now=now)
    return Judged(token=token, wrong=wrong)


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            data = stream.read(_LIMIT + 1)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}", hint="Name the file that holds the join token.") from None
    if len(data) > _LIMIT:
        raise ConfigError(f"{file}: larger than a join token can be (1 MiB)", hint="Name the file with the token.")
    return data.decode("utf-8", "replace")


def _certificates(file: Path) -> bytes:
    from cryptography import x509

    try:
        data = file.read_bytes()
        x509.load_pem_x509_certificates(data)
    except (OSError, ValueError):
        raise ConfigError(
            f"{file}: no certificate in PEM", hint="It is /var/lib/k0s/pki/ca.crt of a controller."
        ) from None
    return data
