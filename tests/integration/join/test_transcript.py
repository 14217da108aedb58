"""The transcript in docs/joining.md is what happens: made here, with times, ids and addresses replaced."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from imagekit.base import process
from imagekit.base.waiting import Deadline, wait_until
from imagekit.cli import cli
from imagekit.config.jointoken import read_join_token
from imagekit.kube.client import Api
from imagekit.kube.local import Cluster
from tests.support.joining import REQUESTS, approving, create_token
from tests.support.jointokens import join_token
from tests.support.worker import Worker, worker

pytestmark = pytest.mark.nightly(minutes=0.2)
PAGE = Path(__file__).parents[3] / "docs/joining.md"
BEGIN, END = "<!-- join begins -->\n", "<!-- join ends -->"
WRITE = "IMAGEKIT_GOLDEN"  # "write": the page is written anew
_REPLACED = (
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\dZ?"), "2026-11-28 22:50:08"),
    (re.compile(r"https://127\.0\.0\.1:\d+"), "https://k0s.example.com:6443"),
    (re.compile(r"node-csr-\S+"), "node-csr-Xb1..."),
)


def test_the_transcript_on_the_page_is_what_happens(cluster: Cluster, api: Api, standin: Path, tmp_path: Path) -> None:
    token = create_token(cluster.access, api)
    made = _normal("\n".join(_scenes(cluster, api, standin, tmp_path, token)), token)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    there, _, after = rest.partition(END)
    if os.environ.get(WRITE) == "write":
        PAGE.write_text(f"{before}{BEGIN}{made}{END}{after}", encoding="utf-8")
        there = made
    assert there == made, f"write it anew: {WRITE}=write"


def _scenes(cluster: Cluster, api: Api, standin: Path, folder: Path, token: str) -> list[str]:
    file, admin = folder / "TOKEN", cluster.kubeconfig(folder / "admin.conf")
    known = read_join_token(token)
    file.write_text(join_token(server="https://k0s.example.com:6443", token=known.bearer, ca=known.authority))
    words = ["cloudconfig", "token", str(file), "--kubeconfig", str(admin)]
    judged = CliRunner().invoke(cli, words, catch_exceptions=False)
    with approving(cluster), worker(standin, folder, "node-4c1d", token, "--labels=example.com/zone=a") as run:
        run.until("Successfully registered node")
        wait_until(lambda: _lease(api), Deadline.after(20), what="lease", hint="")
        return [
            _scene("imagekit cloudconfig token TOKEN --kubeconfig admin.conf", judged.output),
            _scene("journalctl -b -u k0sworker -o cat", run.journal),
            _scene("kubectl get csr", _requests(api)),
            _scene("kubectl get nodes -o wide --show-labels", _nodes(api)),
            _scene("find /var/lib/k0s ! -type d -printf '%m %P\\n' | sort", _files(run)),
        ]


def _scene(command: str, output: str) -> str:
    return f"```console\n$ {command}\n{output.rstrip()}\n```\n"


def _normal(text: str, token: str) -> str:
    text = text.replace(read_join_token(token).id, "abcdef")
    for pattern, instead in _REPLACED:
        text = pattern.sub(instead, text)
    return text


def _lease(api: Api) -> bool:
    return api.find("coordination.k8s.io/v1", "Lease", "kube-node-lease", "node-4c1d") is not None


def _requests(api: Api) -> str:
    mine = [each for each in api.get(REQUESTS)["items"] if _subject_is_ours(each["spec"]["username"], api)]
    rows = [
        (
            each["metadata"]["name"],
            each["spec"]["signerName"],
            each["spec"]["username"],
            ",".join(one["type"] for one in each["status"]["conditions"])
            + ",Issued" * ("certificate" in each["status"]),
        )
        for each in mine[-1:]
    ]
    return _table([("NAME", "SIGNERNAME", "REQUESTOR", "CONDITION"), *rows])


def _subject_is_ours(user: str, api: Api) -> bool:
    secrets = api.get("/api/v1/namespaces/kube-system/secrets")["items"]
    newest = max(secrets, key=lambda each: int(each["metadata"]["resourceVersion"]))
    return user.endswith(newest["metadata"]["name"].removeprefix("bootstrap-token-"))


def _nodes(api: Api) -> str:
    node = api.get("/api/v1/nodes/node-4c1d")
    ready = {each["type"]: each["status"] for each in node["status"]["conditions"]}["Ready"]
    info = node["status"]["nodeInfo"]
    labels = {key: value for key, value in sorted(node["metadata"]["labels"].items()) if not key.startswith("beta.")}
    row = (
        node["metadata"]["name"],
        "Ready" if ready == "True" else "NotReady",
        info["kubeletVersion"],
        "PRETTY NAME of /etc/os-release" if info["osImage"] in Path("/etc/os-release").read_text() else "?",
        info["containerRuntimeVersion"],
        ",".join(f"{key}={value}" for key, value in labels.items()),
    )
    return _table([("NAME", "STATUS", "VERSION", "OS-IMAGE", "CONTAINER-RUNTIME", "LABELS"), row])


def _files(run: Worker) -> str:
    found = process.run(["find", run.data, "!", "-type", "d", "-printf", "%m %P\n"], timeout=10).stdout
    return _dated("\n".join(sorted(found.splitlines())))


def _dated(name: str) -> str:
    return re.sub(r"client-\d[\d-]+", "client-2026-11-28-22-50-08", name)


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(_normal_id(row[index])) for row in rows) for index in range(len(rows[0]))]
    return "\n".join(
        "   ".join(_normal_id(c).ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _normal_id(cell: str) -> str:
    return re.sub(r"node-csr-\S+", "node-csr-Xb1...", cell)
