"""Join tokens read as k0s reads them; whatever is wrong is said, and never the secret."""

from __future__ import annotations

import base64
import gzip
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagekit.config.jointoken import Fault, JoinTokenError, Role, read_join_token, wrong_with
from tests.support.jointokens import BOOTSTRAP, SECRET, SERVER, authority, join_token, kubeconfig, packed

NOW = datetime.now(UTC)
GOOD = join_token()


def test_a_token_is_read() -> None:
    token = read_join_token(GOOD)
    assert (token.server, token.user, token.id, token.role) == (SERVER, "kubelet-bootstrap", "abcdef", Role.WORKER)
    assert token.bearer == BOOTSTRAP
    assert wrong_with(token, now=NOW) == ()


def test_line_breaks_are_passed_over_as_go_does() -> None:
    wrapped = "\r\n".join(GOOD[at : at + 76] for at in range(0, len(GOOD), 76)) + "\n"
    assert read_join_token(wrapped).id == "abcdef"


def test_no_text_of_a_token_shows_its_secret() -> None:
    token = read_join_token(GOOD)
    assert SECRET not in repr(token) + str(token)
    assert "CERTIFICATE" not in repr(token)


UNREADABLE = {
    "empty": ("", Fault.NOT_BASE64, "empty"),
    "only line breaks": ("\n\n", Fault.NOT_BASE64, "empty"),
    "blank before": (f" {GOOD}", Fault.NOT_BASE64, "blanks"),
    "tab behind": (f"{GOOD}\t\n", Fault.NOT_BASE64, "blanks"),
    "cut short": (GOOD[:-3], Fault.NOT_BASE64, "cut short"),
    "quoted": (f'"{GOOD}"', Fault.NOT_BASE64, "other characters"),
    "byte order mark": (f"\ufeff{GOOD}", Fault.NOT_BASE64, "other characters"),
    "url alphabet": (GOOD.replace("/", "_").replace("+", "-") + "-_-_", Fault.NOT_BASE64, "other characters"),
    "plain kubeconfig": ("apiVersion: v1\nkind: Config\n", Fault.NOT_BASE64, "a kubeconfig, not packed"),
    "bootstrap token alone": (BOOTSTRAP, Fault.NOT_BASE64, "a bootstrap token alone"),
    "token of k3s": ("K10ab12::server:secretsecret", Fault.NOT_BASE64, "k3s"),
    "base64 of a kubeconfig": (base64.b64encode(b"apiVersion: v1").decode(), Fault.NOT_GZIP, "not of something packed"),
    "packed twice": (base64.b64encode(GOOD.encode()).decode(), Fault.NOT_GZIP, "not of something packed"),
    "gzip cut short": (base64.b64encode(base64.b64decode(GOOD)[:-9]).decode(), Fault.NOT_GZIP, "cut short"),
    "gzip and more": (base64.b64encode(base64.b64decode(GOOD) + b"x").decode(), Fault.NOT_GZIP, "behind it"),
    "a bomb": (base64.b64encode(gzip.compress(bytes(5 << 20))).decode(), Fault.NOT_GZIP, "larger than 1 MiB"),
    "not YAML": (packed(b"\x00{"), Fault.NOT_KUBECONFIG, "no kubeconfig"),
    "a list": (packed(b"[]"), Fault.NOT_KUBECONFIG, "no kubeconfig"),
    "another kind": (packed({**kubeconfig(), "kind": "Secret"}), Fault.NOT_KUBECONFIG, "no kubeconfig"),
    "no context": (packed({**kubeconfig(), "current-context": ""}), Fault.NOT_KUBECONFIG, "no context"),
    "no user": (packed({**kubeconfig(), "users": None}), Fault.NOT_KUBECONFIG, "no user"),
    "no token": (join_token(token=""), Fault.NO_BOOTSTRAP_TOKEN, "no bootstrap token"),
    "a service account's": (join_token(token="eyJhbGciOi.x.y"), Fault.NO_BOOTSTRAP_TOKEN, "no bootstrap token"),
    "capitals": (join_token(token=BOOTSTRAP.upper()), Fault.NO_BOOTSTRAP_TOKEN, "no bootstrap token"),
    "no verification": (join_token(**{"insecure-skip-tls-verify": True}), Fault.NO_AUTHORITY, "verifies no server"),
    "authority by path": (
        join_token(**{"certificate-authority": "/var/lib/k0s/pki/ca.crt"}),
        Fault.NO_AUTHORITY,
        "by a path",
    ),
    "no authority": (join_token(**{"certificate-authority-data": None}), Fault.NO_AUTHORITY, "no certificate"),
    "authority that is none": (join_token(ca=b"hello"), Fault.NO_AUTHORITY, "no certificate"),
}


@pytest.mark.parametrize(("text", "fault", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_k0s_cannot_read_is_named(text: str, fault: Fault, said: str) -> None:
    with pytest.raises(JoinTokenError, match=said) as caught:
        read_join_token(text)
    assert caught.value.fault is fault
    assert SECRET not in str(caught.value) + caught.value.hint


WRONG = {
    "for a controller": ({"user": "controller-bootstrap"}, Fault.WRONG_ROLE, "a token for a controller"),
    "for nobody": ({"user": "admin"}, Fault.WRONG_ROLE, "neither role"),
    "http": ({"server": "http://k0s.example.com:6443"}, Fault.SERVER, "no https address"),
    "no server": ({"server": ""}, Fault.SERVER, "no https address"),
    "no address": ({"server": "https://[::1"}, Fault.SERVER, "is no address"),
    "no port": ({"server": "https://k0s:port"}, Fault.SERVER, "is no address"),
    "the node itself": ({"server": "https://127.0.0.1:6443"}, Fault.SERVER, "the node itself"),
    "by name": ({"server": "https://localhost:6443"}, Fault.SERVER, "the node itself"),
    "the controllers' port": ({"server": "https://k0s.example.com:9443"}, Fault.SERVER, "where controllers join"),
    "authority of long ago": ({"ca": authority(days=2, since=9)}, Fault.AUTHORITY_EXPIRED, "is valid from"),
    "authority of tomorrow": ({"ca": authority(since=-1)}, Fault.AUTHORITY_EXPIRED, "is valid from"),
}


@pytest.mark.parametrize(("changes", "fault", "said"), WRONG.values(), ids=WRONG)
def test_what_would_not_let_a_worker_in_is_named(changes: dict[str, object], fault: Fault, said: str) -> None:
    [wrong] = wrong_with(read_join_token(join_token(**changes)), now=NOW)
    assert wrong.fault is fault
    assert said in wrong.text
    assert wrong.hint
    assert SECRET not in wrong.text + wrong.hint


def test_a_controller_takes_its_own_token_and_no_other() -> None:
    its = read_join_token(join_token(user="controller-bootstrap", server="https://k0s.example.com:9443"))
    assert wrong_with(its, now=NOW, role=Role.CONTROLLER) == ()
    [wrong] = wrong_with(read_join_token(GOOD), now=NOW, role=Role.CONTROLLER)
    assert (wrong.fault, "--role=controller" in wrong.hint) == (Fault.WRONG_ROLE, True)


def test_the_authority_has_to_be_the_clusters() -> None:
    mine, others = authority(), authority("other")
    token = read_join_token(join_token(ca=mine))
    assert wrong_with(token, now=NOW, authority=mine) == ()
    [wrong] = wrong_with(token, now=NOW, authority=others)
    assert wrong.fault is Fault.WRONG_AUTHORITY
    assert "another cluster" in wrong.text


def test_a_clock_that_is_wrong_shows_at_the_authority() -> None:
    token = read_join_token(GOOD)
    [wrong] = wrong_with(token, now=NOW - timedelta(days=4000))
    assert wrong.fault is Fault.AUTHORITY_EXPIRED
    assert "clock" in wrong.hint


@given(st.text(max_size=200))
def test_any_text_is_a_token_or_an_error(text: str) -> None:
    with pytest.raises(JoinTokenError):
        read_join_token(text)


@given(st.binary(max_size=200))
def test_anything_packed_is_a_token_or_an_error(data: bytes) -> None:
    with pytest.raises(JoinTokenError):
        read_join_token(packed(data))


@given(st.integers(0, len(GOOD) - 1), st.sampled_from("AZaz09+/="))
def test_a_flipped_character_is_a_token_or_an_error(at: int, character: str) -> None:
    with suppress(JoinTokenError):
        wrong_with(read_join_token(GOOD[:at] + character + GOOD[at + 1 :]), now=NOW)
