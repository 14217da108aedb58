"""Credentials belong to one host and are read from where people keep them."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.registry.credentials import Credentials, find_credentials

pytestmark = pytest.mark.attack
AUTH = base64.b64encode(b"me:pass:word").decode()


def config(folder: Path, value: object) -> dict[str, str]:
    (folder / "config.json").write_text(value if isinstance(value, str) else json.dumps(value))
    return {"DOCKER_CONFIG": str(folder)}


def test_none_without_any_file(tmp_path: Path) -> None:
    assert find_credentials("r.example", {"HOME": str(tmp_path)}) is None


def test_environment_counts_for_the_host_it_names_only(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "IMAGEKIT_REGISTRY_HOST": "r.example:5000",
        "IMAGEKIT_REGISTRY_USERNAME": "me",
        "IMAGEKIT_REGISTRY_PASSWORD": "secret",
    }
    assert find_credentials("r.example:5000", environ) == Credentials("me", "secret")
    assert find_credentials("r.example", environ) is None
    assert find_credentials("evil.example", environ) is None


def test_docker_config_entry(tmp_path: Path) -> None:
    environ = config(tmp_path, {"auths": {"r.example": {"auth": AUTH}, "https://s.example": {"auth": AUTH}}})
    assert find_credentials("r.example", environ) == Credentials("me", "pass:word")
    assert find_credentials("s.example", environ) == Credentials("me", "pass:word")
    assert find_credentials("r.example.evil", environ) is None


@pytest.mark.parametrize("auth", ["???", base64.b64encode(b"nocolon").decode()])
def test_damaged_entry_is_named_without_its_content(tmp_path: Path, auth: str) -> None:
    with pytest.raises(ConfigError, match=r"r\.example") as caught:
        find_credentials("r.example", config(tmp_path, {"auths": {"r.example": {"auth": auth}}}))
    assert auth not in str(caught.value)


def test_damaged_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.json"):
        find_credentials("r.example", config(tmp_path, "{"))


def test_helper_is_asked_by_its_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "docker-credential-fake"
    helper.write_text(
        "#!/bin/sh\nread host\n"
        '[ "$1 $host" = "get r.example" ] || exit 1\n'
        'echo "{\\"Username\\":\\"me\\",\\"Secret\\":\\"s\\"}"\n'
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    environ = config(tmp_path, {"credsStore": "fake"})
    assert find_credentials("r.example", environ) == Credentials("me", "s")
    assert find_credentials("other.example", environ) is None


def test_missing_helper_means_anonymous(tmp_path: Path) -> None:
    assert find_credentials("r.example", config(tmp_path, {"credHelpers": {"r.example": "not-there"}})) is None


TOKEN = {"auth": base64.b64encode(b"00000000-0000-0000-0000-000000000000:").decode(), "identitytoken": "refresh"}
OTHER = {"auth": base64.b64encode(b"other:secret").decode()}


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"auth": AUTH}, Credentials("me", "pass:word")),
        ({"auth": f" {AUTH}\n"}, Credentials("me", "pass:word")),
        ({"auth": base64.b64encode(b"me:pw\0\0").decode()}, Credentials("me", "pw")),
        ({"username": "me", "password": "pw"}, Credentials("me", "pw")),
        (TOKEN, Credentials(identity_token="refresh")),
        ({"registrytoken": "given"}, Credentials(registry_token="given")),
        ({"auth": AUTH, "identitytoken": "", "registrytoken": ""}, Credentials("me", "pass:word")),
        ({}, None),
        ({"auth": ""}, None),
        ({"auth": 3, "username": "me"}, None),
        ("text", None),
    ],
)
def test_every_form_of_an_entry(tmp_path: Path, entry: object, found: Credentials | None) -> None:
    """W10: identity and registry tokens beside passwords."""
    assert find_credentials("r.example", config(tmp_path, {"auths": {"r.example": entry}})) == found


@pytest.mark.parametrize(
    "key",
    [
        "r.example",
        "https://r.example",
        "https://r.example/",
        "http://r.example/",
        "r.example/",
        "https://r.example/v1/",
        "https://r.example/v2/",
        "r.example/team/node",
        "R.Example",
        "r.example:443",
        "https://r.example:443/v2/",
    ],
)
def test_keys_are_reduced_to_their_host(tmp_path: Path, key: str) -> None:
    """W12: with scheme, path or slash at its end."""
    environ = config(tmp_path, {"auths": {key: {"auth": AUTH}}})
    assert find_credentials("r.example", environ) == Credentials("me", "pass:word")
    assert find_credentials("r.example:443", environ) == Credentials("me", "pass:word")


@pytest.mark.parametrize(
    "key",
    [
        "r.example:5000",
        "https://r.example:5000/",
        "r.example.evil",
        "evil/r.example",
        "https://evil.example/r.example",
        "https://evil.example/https://r.example",
        "user@r.example",
        "xr.example",
        "*.example",
        "http://",
        "",
    ],
)
def test_the_secret_of_another_host_is_never_taken(tmp_path: Path, key: str) -> None:
    """W12: reduced to the host on both sides, and compared whole."""
    for section in ("auths", "credHelpers"):
        value = OTHER if section == "auths" else "fake"
        assert find_credentials("r.example", config(tmp_path, {section: {key: value}})) is None


def test_the_entry_of_the_very_name_comes_first(tmp_path: Path) -> None:
    entries = {"https://r.example/v1/": OTHER, "r.example/team": OTHER, "https://r.example": OTHER, "r.example": {}}
    environ = config(tmp_path, {"auths": {**entries, "r.example": {"auth": AUTH}}})
    assert find_credentials("r.example", environ) == Credentials("me", "pass:word")
    environ = config(tmp_path, {"auths": {"https://r.example": {"auth": AUTH}, "https://r.example/v1/": OTHER}})
    assert find_credentials("r.example", environ) == Credentials("me", "pass:word")


@pytest.mark.parametrize("host", ["docker.io", "index.docker.io", "registry-1.docker.io"])
def test_docker_hub_has_one_key(tmp_path: Path, host: str) -> None:
    environ = config(tmp_path, {"auths": {"https://index.docker.io/v1/": {"auth": AUTH}}})
    assert find_credentials(host, environ) == Credentials("me", "pass:word")


def test_a_damaged_entry_of_another_host_does_no_harm(tmp_path: Path) -> None:
    environ = config(tmp_path, {"auths": {"bad.example": {"auth": "%"}, "r.example": {"auth": AUTH}}})
    assert find_credentials("r.example", environ) == Credentials("me", "pass:word")


HELPER = """#!/bin/sh
read host
[ "$1" = get ] || exit 9
case "$host" in
r.example) echo '{"ServerURL":"r.example","Username":"<token>","Secret":"refresh"}' ;;
pass.example) echo '{"Username":"","Secret":""}' ;;
https://index.docker.io/v1/) echo '{"Username":"hub","Secret":"s"}' ;;
bad.example) echo 'secret-in-plain {' ;;
broken.example) echo 'secret-in-plain'; exit 3 ;;
*) echo 'credentials not found in native keychain'; exit 1 ;;
esac
"""


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "docker-credential-fake"
    program.write_text(HELPER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


@pytest.mark.parametrize("sections", [{"credsStore": "fake"}, {"credHelpers": {"https://r.example/": "fake"}}])
def test_the_token_of_a_helper(helper: Path, sections: dict[str, object]) -> None:
    """W10: the user `<token>` says that the secret is an identity token."""
    assert find_credentials("r.example", config(helper, sections)) == Credentials(identity_token="refresh")


@pytest.mark.parametrize("host", ["pass.example", "other.example", "broken.example"])
@pytest.mark.parametrize("name", ["fake", "not-there"])
def test_a_helper_without_an_answer_leaves_the_entry(helper: Path, host: str, name: str) -> None:
    """W12: helper missing, or it has nothing, or it fails: the entry of `auths` counts."""
    environ = config(helper, {"credsStore": name, "auths": {host: {"auth": AUTH}}})
    assert find_credentials(host, environ) == Credentials("me", "pass:word")
    assert find_credentials(host, config(helper, {"credsStore": name, "auths": {host: {}}})) is None


def test_docker_hub_is_asked_of_a_helper_by_its_key(helper: Path) -> None:
    assert find_credentials("docker.io", config(helper, {"credsStore": "fake"})) == Credentials("hub", "s")


def test_a_helper_gets_the_environment(helper: Path) -> None:
    """Variant: that of Amazon ECR on a CI runner knows its account by AWS_ variables alone."""
    (helper / "docker-credential-cloud").write_text(
        '#!/bin/sh\necho "{\\"Username\\":\\"AWS\\",\\"Secret\\":\\"$AWS_KEY\\"}"\n'
    )
    (helper / "docker-credential-cloud").chmod(0o755)
    environ = {**config(helper, {"credsStore": "cloud"}), "AWS_KEY": "from-the-runner"}
    assert find_credentials("r.example", environ) == Credentials("AWS", "from-the-runner")


def test_what_a_helper_says_is_not_shown(helper: Path, caplog: pytest.LogCaptureFixture) -> None:
    """D39: neither in an error nor in the log."""
    with pytest.raises(ConfigError, match=r"no usable answer for bad\.example") as caught:
        find_credentials("bad.example", config(helper, {"credsStore": "fake"}))
    find_credentials("broken.example", config(helper, {"credsStore": "fake"}))
    assert "status 3" in caplog.text
    assert "secret-in-plain" not in f"{caught.value}{caught.value.hint}{caplog.text}"


def test_no_secret_is_in_a_representation() -> None:
    shown = repr(Credentials("me", "pw-1", identity_token="it-2", registry_token="rt-3"))
    assert not any(secret in shown for secret in ("me", "pw-1", "it-2", "rt-3"))
