"""The signed artifact that Flux takes, judged by stock cosign, whose code source-controller has inside."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.base.process import ProcessError
from imagekit.registry.client import Registry
from imagekit.trust.sign.keys import PASSWORD_VARIABLE, KeyStore
from tests.integration.conftest import PASSWORD, Program
from tests.support.dockerregistry import DockerRegistry
from tests.support.gitops import ARTIFACTS, artifact, signed

pytestmark = [pytest.mark.registry, pytest.mark.cosign]


def test_the_signed_one_is_taken_others_are_not(tmp_path: Path, cosign: Program) -> None:
    own, foreign = (KeyStore(tmp_path / name, environ={PASSWORD_VARIABLE: PASSWORD}) for name in ("own", "foreign"))
    own.signer()
    tree = {"a.yaml": b"kind: x\n"}
    with DockerRegistry(tmp_path / "registry") as server, Registry(server.address) as client:
        signed(client, artifact(client, tree, "good"), own)
        artifact(client, {**tree, "unsigned.yaml": b""}, "unsigned")
        signed(client, artifact(client, {**tree, "foreign.yaml": b""}, "foreign"), foreign)

        def verify(tag: str) -> None:
            name = f"{server.address}/{ARTIFACTS}:{tag}"
            cosign("verify", "--key", own.public_path, "--insecure-ignore-tlog", "--allow-http-registry", name)

        verify("good")
        for tag in ("unsigned", "foreign"):
            with pytest.raises(ProcessError):
                verify(tag)
