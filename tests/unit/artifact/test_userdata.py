"""A cloud-config as platforms hand it over: always the same text."""

from __future__ import annotations

import base64
import json

import pytest
import yaml

from imagekit.artifact.userdata import Form, rendered
from imagekit.base.errors import ConfigError

TEXT = '#cloud-config\nhostname: "a\'b"\nwrite_files:\n- path: /x\n  content: |\n    é\n\n    ${HOME}\n'


def carried(form: Form) -> str:
    """The text as the other side reads it."""
    files = rendered(TEXT, form, name="node-1")
    match form:
        case Form.FILE:
            return files["90_custom.yaml"]
        case Form.NOCLOUD:
            return files["user-data"]
        case Form.GUESTINFO:
            keys = json.loads(files["guestinfo.json"])
            assert keys["guestinfo.userdata.encoding"] == "base64"
            return base64.b64decode(keys["guestinfo.userdata"]).decode()
        case Form.SECRET:
            made = yaml.safe_load(files["node-1-config.yaml"])
            assert made["metadata"]["annotations"] == {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}
            assert isinstance(made["stringData"]["userdata"], str)
            return str(made["stringData"]["userdata"])


@pytest.mark.parametrize("form", list(Form))
def test_the_text_arrives_as_it_is(form: Form) -> None:
    assert carried(form) == TEXT


def test_nocloud_names_the_instance_and_no_host() -> None:
    assert rendered(TEXT, Form.NOCLOUD, name="n")["meta-data"] == "instance-id: n\n"


@pytest.mark.parametrize(("form", "size"), [(Form.GUESTINFO, 50_000), (Form.SECRET, 1_100_000)])
def test_what_a_platform_does_not_carry_is_refused(form: Form, size: int) -> None:
    with pytest.raises(ConfigError, match="at most"):
        rendered("x" * size, form, name="n")
