"""Why a worker does not get into its cluster, read out of what k0s wrote to the journal.

k0s tries for long before it gives up (ten attempts of a minute and more), and says meanwhile only what the API server
does to its request for ``/healthz``. The lines are those of k0s v1.34 and v1.36 with Kubernetes v1.34 and v1.37
(pkg/token, cmd/worker, k8s.io/kubernetes/pkg/kubelet/certificate/bootstrap, crypto/x509).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

PAGE = "k0s-join"


class Cause(StrEnum):
    """What keeps a node out; the value is its heading on the runbook page."""

    NO_TOKEN = "no token"
    TOKEN_FILE = "the token file"
    UNREADABLE = "not a token"
    WRONG_ROLE = "wrong role"
    WRONG_AUTHORITY = "wrong authority"
    NAME = "wrong name"
    CLOCK = "clock"
    REFUSED = "token expired"
    UNREACHABLE = "API server unreachable"
    DENIED = "request denied"
    WAITING = "request not approved"
    TWO_SOURCES = "two tokens"
    TAKEN = "unit is there already"


@dataclass(frozen=True, slots=True)
class JoinCause:
    """A cause and the line that shows it."""

    cause: Cause
    line: str

    @property
    def said(self) -> str:
        """What happened, and what to do."""
        return _SAID[self.cause]

    @property
    def text(self) -> str:
        """For a check's message: the same with its place on the runbook page, and the line."""
        return f"{self.said} (runbook {PAGE}, {self.cause!s}): {self.line}"


# In this order: what comes first is said by a line more exactly than what comes after.
_LINES: tuple[tuple[Cause, re.Pattern[str]], ...] = (
    (Cause.WRONG_ROLE, re.compile(r"wrong token type \S*, expected type")),
    (Cause.TOKEN_FILE, re.compile(r"token file \"[^\"]*\" (?:not found|is empty)|failed to read token file")),
    (Cause.UNREADABLE, re.compile(r"failed to (?:decode|load kubeconfig from) join token")),
    (Cause.NO_TOKEN, re.compile(r"no join token given")),
    (Cause.TWO_SOURCES, re.compile(r"you can only pass one token (?:argument|source)")),
    (Cause.TAKEN, re.compile(r"Init already exists")),
    (Cause.CLOCK, re.compile(r"x509: certificate has expired or is not yet valid")),
    (Cause.WRONG_AUTHORITY, re.compile(r"x509: certificate signed by unknown authority|unable to load root certif")),
    (Cause.NAME, re.compile(r"x509: certificate is (?:not )?valid for |x509: cannot validate certificate for ")),
    (Cause.DENIED, re.compile(r"certificate signing request \S+ (?:is denied|failed)")),
    (
        Cause.REFUSED,
        re.compile(
            r"server has asked for the client to provide credentials|err(?:or)?=\"?[^\"]*Unauthorized"
            r"|signing request: Unauthorized"
        ),
    ),
    (
        Cause.UNREACHABLE,
        re.compile(
            r"connection refused|no route to host|network is unreachable|no such host|i/o timeout|server misbehaving"
            r"|context deadline exceeded|Client\.Timeout"
        ),
    ),
)
_JOINING, _JOINED = "Bootstrapping client configuration", "Successfully bootstrapped client configuration"
_BEARER = re.compile(r"\b([a-z0-9]{6})\.[a-z0-9]{16}\b|H4sI[A-Za-z0-9+/=]{20,}")
_SAID = {
    Cause.NO_TOKEN: "k0s was started without a token: `args` of k0s-worker name no --token-file",
    Cause.TOKEN_FILE: "the token file is missing or empty: the machine's seed did not bring it",
    Cause.UNREADABLE: "the token file holds no join token of k0s: judge it with `imagekit cloudconfig token`",
    Cause.WRONG_ROLE: "the token is for another role: make one with `k0s token create --role=worker`",
    Cause.WRONG_AUTHORITY: "the API server's certificate is not of the token's authority: a token of another cluster, "
    "a new authority, or a proxy that intercepts TLS",
    Cause.NAME: "the API server's certificate is not for the address in the token",
    Cause.CLOCK: "the clock of the node or a certificate of the cluster is wrong: compare `timedatectl` first",
    Cause.REFUSED: "the API server does not know the token: it has expired, was removed, or is of another cluster",
    Cause.UNREACHABLE: "the API server does not answer at the address in the token",
    Cause.DENIED: "the node's request for a certificate was denied",
    Cause.WAITING: "the node's request for a certificate is not approved: `kubectl get csr` on the cluster",
    Cause.TWO_SOURCES: "k0s was given two tokens: by --token-file, by an argument, or by K0S_TOKEN",
    Cause.TAKEN: "`k0s install` met the unit that Kairos's image brings: k0smotron needs `args: [--force]`",
}


def cause_in(journal: str) -> JoinCause | None:
    """The cause that the newest telling line names; None for a node that has joined, or of which nothing is told."""
    lines = journal.splitlines()
    for line in reversed(lines):
        if _JOINED in line:
            return None
        if (cause := _of_line(line)) is not None:
            return JoinCause(cause, _shown(line))
        if _JOINING in line:
            return JoinCause(Cause.WAITING, _shown(line))
    return None


def _of_line(line: str) -> Cause | None:
    return next((cause for cause, pattern in _LINES if pattern.search(line)), None)


def _shown(line: str) -> str:
    """A line without what could be a secret."""
    return _BEARER.sub(lambda found: f"{found[1]}.***" if found[1] else "***", line.strip())[:400]
