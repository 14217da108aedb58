"""Why a worker does not join: lines as k0s and Kubernetes write them, each with its cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.checks.joincause import PAGE, Cause, cause_in

_BEGUN = 'time="2026-11-28 22:50:08" level=info msg="Bootstrapping client configuration" component=bootstrap-kubelet'
_DONE = _BEGUN.replace("Bootstrapping", "Successfully bootstrapped")
_WHY = "Error: failed to bootstrap kubelet client configuration: "


def _asked(error: str) -> str:
    return f'I1128 22:50:08.123456    1234 bootstrap.go:296] "Failed to connect to apiserver" err="{error}"'


def _get(error: str) -> str:
    return _asked(f'Get \\"https://k0s.example.com:6443/healthz?timeout=1s\\": {error}')


LINES = {
    "expired": (_asked("the server has asked for the client to provide credentials"), Cause.REFUSED),
    "expired, after a minute": (
        _asked("the server has asked for the client to provide credentials")
        + '\nI1130 18:30:21.484643 417 bootstrap.go:161] "Error waiting for apiserver to come up" '
        'err="timed out waiting to connect to apiserver"',
        Cause.REFUSED,
    ),
    "expired, at the end": (
        f"{_WHY}failed to bootstrap client configuration: cannot create certificate signing request: Unauthorized",
        Cause.REFUSED,
    ),
    "another authority": (
        _get("tls: failed to verify certificate: x509: certificate signed by unknown authority"),
        Cause.WRONG_AUTHORITY,
    ),
    "clock behind": (
        _get(
            "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: "
            "current time 2020-01-01T00:00:00Z is before 2026-11-27T00:00:00Z"
        ),
        Cause.CLOCK,
    ),
    "name": (
        _get("tls: failed to verify certificate: x509: certificate is valid for 10.0.0.1, not 10.0.0.2"),
        Cause.NAME,
    ),
    "refused": (_get("dial tcp 10.0.0.1:6443: connect: connection refused"), Cause.UNREACHABLE),
    "no route": (_get("dial tcp 10.0.0.1:6443: connect: no route to host"), Cause.UNREACHABLE),
    "no name": (_get("dial tcp: lookup k0s.example.com: no such host"), Cause.UNREACHABLE),
    "silence": (_get("context deadline exceeded"), Cause.UNREACHABLE),
    "role": (
        f"{_WHY}failed to get bootstrap kubeconfig: wrong token type controller-bootstrap, "
        "expected type: kubelet-bootstrap",
        Cause.WRONG_ROLE,
    ),
    "no base64": (
        f"{_WHY}failed to get bootstrap kubeconfig: failed to decode join token: illegal base64 data at input byte 6",
        Cause.UNREADABLE,
    ),
    "no file": (
        f'{_WHY}failed to get bootstrap kubeconfig: token file "/etc/k0s/token" not found: obtain a new token',
        Cause.TOKEN_FILE,
    ),
    "no token": (
        f"{_WHY}neither regular nor bootstrap kubeconfig files exist and no join token given; dunno",
        Cause.NO_TOKEN,
    ),
    "two": (
        "Error: you can only pass one token argument either as a CLI argument 'k0s worker [token]' or as a flag",
        Cause.TWO_SOURCES,
    ),
    "two, v1.36": ("Error: you can only pass one token source: either as a CLI argument", Cause.TWO_SOURCES),
    "denied": (
        f"{_WHY}certificate signing request node-csr-x is denied, reason: Test, message: no",
        Cause.DENIED,
    ),
    "k0smotron": (
        "Error: failed to install service: failed to install service: Init already exists: "
        "/etc/systemd/system/k0sworker.service",
        Cause.TAKEN,
    ),
}


@pytest.mark.parametrize(("line", "cause"), LINES.values(), ids=LINES)
def test_each_line_names_its_cause(line: str, cause: Cause) -> None:
    told = cause_in(f"{_BEGUN}\n{line}\n")
    assert told is not None
    assert told.cause is cause
    assert f"runbook k0s-join, {cause}" in told.text


def test_the_newest_line_counts() -> None:
    refused, expired = LINES["refused"][0], LINES["expired"][0]
    told = cause_in("\n".join([_BEGUN, refused, expired, "I1128 something else"]))
    assert told is not None
    assert told.cause is Cause.REFUSED


def test_a_node_that_waits_for_approval_is_told_as_such() -> None:
    told = cause_in(f"{_BEGUN}\n")
    assert told is not None
    assert told.cause is Cause.WAITING


@pytest.mark.parametrize("journal", ["", "noise\n", f"{_BEGUN}\n{LINES['refused'][0]}\n{_DONE}\n"])
def test_nothing_is_told_of_a_node_that_joined(journal: str) -> None:
    assert cause_in(journal) is None


def test_no_secret_is_repeated() -> None:
    told = cause_in('Unauthorized err="Unauthorized abcdef.0123456789abcdef H4sIAAAAAAAAAAAAAAAAAAAAAAAA"')
    assert told is not None
    assert "0123456789abcdef" not in told.text
    assert "H4sIAAAA" not in told.text


@pytest.mark.parametrize("cause", Cause)
def test_each_cause_has_its_row_on_the_page(cause: Cause) -> None:
    page = (Path(__file__).parents[3] / f"docs/runbook/{PAGE}.md").read_text()
    assert f"\n| {cause} | " in page
