"""policy.yaml: the default one, errors with file and line, and a name for what it says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.trust.gate.policy import PUBLISH, load_policy, require_known, span
from imagekit.trust.sign.trustfile import Purpose
from tests.support.release import trust, trusted


def test_default_asks_for_more_from_channel_to_channel(tmp_path: Path) -> None:
    policy = load_policy(tmp_path)
    assert list(policy.channels) == ["dev", "staging", "prod"]
    prod = policy.of("prod")
    assert prod.tests is not None
    assert prod.approvals is not None
    assert prod.soak is not None
    assert (prod.embedded, prod.waivers.persons, prod.approvals.persons, prod.soak.channel) == (False, 2, 2, "staging")
    assert policy.of("staging").provenance.clean_source
    assert policy.of("dev").embedded
    assert policy.of(PUBLISH).waivers.persons == 0
    for name in (*policy.channels, PUBLISH):
        wanted = policy.of(name)
        assert wanted.signatures.least == 1
        assert wanted.provenance.required
        assert len(wanted.sbom) == 2


def test_own_policy_takes_its_place_and_its_name_ignores_layout(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\npublish: {embedded: true}\nchannels:\n  dev: {}\n")
    one = load_policy(tmp_path)
    path.write_text("# ours\nversion: 1\nchannels: {dev: {}}\npublish:\n  embedded: true\n")
    assert load_policy(tmp_path).digest == one.digest
    path.write_text("version: 1\nchannels: {dev: {}}\npublish:\n  embedded: false\n")
    assert load_policy(tmp_path).digest != one.digest
    with pytest.raises(ConfigError, match="knows no channel 'prod'"):
        one.of("prod")


@pytest.mark.parametrize(
    ("channel", "says"),
    [
        ("{tests: {max_age: 14}}", "max_age"),
        ("{tests: {max_age: fortnight}}", "a number and m, h or d"),
        ("{tests: {suites: [newest]}}", "suites"),
        ("{tests: {start: fork}}", "start"),
        ("{sbom: [cyclonedx, spxd]}", "Did you mean .spdx"),
        ("{approvals: {persons: 0}}", "greater than or equal to 1"),
        ("{waivers: {person: 1}}", "Did you mean .persons"),
        ("{soak: {channel: staging}}", "required key is missing"),
        ("{embedded: yes}", "embedded"),
    ],
)
def test_mistakes_are_told_with_file_and_line(tmp_path: Path, channel: str, says: str) -> None:
    (tmp_path / "policy.yaml").write_text(f"version: 1\npublish: {{}}\nchannels:\n  dev: {channel}\n")
    with pytest.raises(ConfigError, match=says) as caught:
        load_policy(tmp_path)
    assert "policy.yaml:4: channels.dev" in str(caught.value)


def test_spans() -> None:
    assert span("90m") == timedelta(minutes=90)
    assert span("14d") == timedelta(days=14)
    for text in ("", "d", "1.5d", "-1d", "1w", "1", "999999d", "\u0661d"):
        with pytest.raises(ValueError, match="a number and m, h or d"):
            span(text)


@pytest.mark.attack
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("publish: {}\nchannels: {publish: {}}", "no channel can be called publish"),
        ("publish: {}\nchannels: {dev: {signatures: {least: 0}}}", "greater than or equal to 1"),
        ("publish: {signatures: {least: 0}}\nchannels: {dev: {}}", "greater than or equal to 1"),
        ("publish: {}\nchannels: {dev: {signatures: {least: 2, keys: [a, a]}}}", "2 keys must have signed, and 1 may"),
        ("publish: {}\nchannels: {dev: {soak: {channel: stagnig, time: 1d}}}", "stagnig is no other channel"),
        ("publish: {}\nchannels: {dev: {soak: {channel: dev, time: 1d}}}", "dev is no other channel"),
        ("publish: {soak: {channel: publish, time: 1d}}\nchannels: {dev: {}}", "publish is no other channel"),
        ("publish: {}\nchannels: {}", "at least 1 item"),
        ("publish: {}\nchannels: {dev: {approval: {persons: 2}}}", "Did you mean .approvals"),
    ],
)
def test_a_rule_that_would_bind_nobody_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """D23."""
    (tmp_path / "policy.yaml").write_text(f"version: 1\n{text}\n")
    with pytest.raises(ConfigError, match=says):
        load_policy(tmp_path)


@pytest.mark.attack
def test_policy_and_trust_file_know_each_other(tmp_path: Path) -> None:
    """D23: a key or channel that the other file does not have."""
    policy = load_policy(tmp_path)
    require_known(policy, trust([trusted("ours", Purpose.BUILD, channels=("dev", "publish"))]))
    with pytest.raises(ConfigError, match=r"trust\.yaml: key ours: the policy knows no channel 'pord'"):
        require_known(policy, trust([trusted("ours", Purpose.BUILD, channels=("pord",))]))
    (tmp_path / "policy.yaml").write_text("version: 1\npublish: {}\nchannels:\n  dev: {signatures: {keys: [biuld]}}\n")
    with pytest.raises(ConfigError, match=r"policy\.yaml: dev: signatures: no key 'biuld' in trust\.yaml"):
        require_known(load_policy(tmp_path), trust())
