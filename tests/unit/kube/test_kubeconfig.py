"""Kubeconfigs as kubectl reads them, and what is refused in them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from imagekit.base.errors import ConfigError
from imagekit.kube.kubeconfig import default_kubeconfig, read_kubeconfig


def config(user: dict[str, Any] | None = None, cluster: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://k.example:6443/", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {"token": "t0ken"}}],
    }


def written(folder: Path, data: object) -> Path:
    path = folder / "config"
    path.write_text(json.dumps(data))
    return path


def test_tokens_and_data_and_files(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(b"CA")
    user = {"client-certificate-data": base64.b64encode(b"CERT").decode(), "client-key": "key.pem"}
    (tmp_path / "key.pem").write_bytes(b"KEY")
    access = read_kubeconfig(written(tmp_path, config(user, {"certificate-authority": "ca.pem"})))
    assert (access.server, access.namespace) == ("https://k.example:6443", "n")
    assert (access.authority, access.certificate, access.key) == (b"CA", b"CERT", b"KEY")
    (tmp_path / "token").write_text("abc\n")
    assert read_kubeconfig(written(tmp_path, config({"tokenFile": "token"}))).token == "abc"
    assert "abc" not in repr(read_kubeconfig(tmp_path / "config"))


def test_a_credential_plugin(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text('#!/bin/sh\necho "{\\"status\\": {\\"token\\": \\"$1-$REGION\\"}}"\n')
    plugin.chmod(0o755)
    call = {"command": str(plugin), "args": ["got"], "env": [{"name": "REGION", "value": "emea"}]}
    assert read_kubeconfig(written(tmp_path, config({"exec": call}))).token == "got-emea"
    plugin.write_text("#!/bin/sh\necho hello\n")
    with pytest.raises(ConfigError, match="no ExecCredential"):
        read_kubeconfig(tmp_path / "config")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({"kind": "List"}, "kind: Config"),
        ({**config(), "current-context": ""}, "no current context"),
        ({**config(), "current-context": "z"}, "no context named 'z'"),
        ({**config(), "users": []}, "no user named 'u'"),
        (config(cluster={"insecure-skip-tls-verify": True}), "not to be verified"),
        (config(cluster={"server": "http://k.example"}), "no https"),
        (config(cluster={"proxy-url": "http://p"}), "proxy-url"),
        (config({"username": "a", "password": "b"}), "gone from Kubernetes"),
        (config({"client-certificate-data": "%%"}), "client-certificate"),
        (config({"tokenFile": "missing"}), "token"),
    ],
)
def test_what_is_refused(tmp_path: Path, data: object, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        read_kubeconfig(written(tmp_path, data))


def test_which_file_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/one:{tmp_path}/two")
    assert default_kubeconfig() == tmp_path / "one"
    with pytest.raises(ConfigError, match="no such kubeconfig"):
        read_kubeconfig(default_kubeconfig())
