"""docs/provisioning.md, run: from a published digest to nodes, DNS, observations and the auditor's answer, and a roll.

Everything is real but VirtRigaud and bindy, whose parts `imagekit provision apply` and `provision dns` play: the image,
the API server with the operators' CRDs, Flux's controllers, BIND, libvirt's machines.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import dns.message
import dns.query
import pytest

from imagekit.app.manifests import VARIABLE
from imagekit.base.process import Completed, run
from imagekit.base.waiting import Deadline, wait_until
from imagekit.bench.fluxlab import SPACE
from imagekit.machine.keys import fresh_pair
from imagekit.provision.machines.wanted import API
from tests.e2e.conftest import ROOT, Clone, environment
from tests.support.bind import SECRET, ZONE
from tests.support.lab import Lab, lab, require_programs
from tests.support.manifests import schemas_folder

pytestmark = [pytest.mark.vm, pytest.mark.registry, pytest.mark.online]
PAGE = ROOT / "docs" / "provisioning.md"
POLICY = """\
version: 1
publish: {embedded: true}
channels:
  prod: {embedded: true, tests: {boot_paths: [direct, live], max_age: 14d}, provenance: {clean_source: true}}
"""
_SECONDS = 5400.0
_FLUX_SECONDS = 120.0
_NODES = ("node-1", "node-2")


def _env() -> dict[str, str]:
    return environment() | {VARIABLE: str(schemas_folder())}


def section() -> str:
    """The section of the page that is run."""
    (found,) = re.findall(r"^## From publish to audit.*?(?=^## )", PAGE.read_text(), re.M | re.S)
    return str(found)


def block(kind: str) -> str:
    """The one fenced block of a kind."""
    (found,) = re.findall(rf"```{kind}\n(.*?)```", section(), re.S)
    return str(found)


def commands() -> list[str]:
    """The commands of the section, as they stand."""
    lines = [line for part in re.findall(r"```console\n(.*?)```", section(), re.S) for line in part.splitlines()]
    return [line.removeprefix("$ ") for line in lines]


@dataclass
class Story:
    """The clone with its platform; `digests` are those that were published, in their order."""

    clone: Clone
    open: Callable[[], Lab]
    digests: list[str] = field(default_factory=list)
    outputs: dict[str, list[Completed]] = field(default_factory=dict)

    @cached_property
    def lab(self) -> Lab:
        """The platform, from when something first needs it: the machines of `imagekit run` boot without it."""
        return self.open()

    def do(self, line: str) -> Completed:
        """Run a command of the page."""
        if line.startswith("git "):
            for part in line.split(" && "):
                self.clone.git(*shlex.split(part)[1:])
            return Completed(argv=(), returncode=0, stdout="", stderr="")
        words = [self._filled(word) for word in shlex.split(line)[1:]]
        done = run(self.clone.argv(*words), timeout=_SECONDS, cwd=self.clone.root, env=_env(), ok=range(256))
        self.outputs.setdefault(" ".join(words[:2]), []).append(done)
        expected = 1 if words[:2] == ["audit", "--node"] else 0
        assert done.returncode == expected, f"{line}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return done

    def _filled(self, word: str) -> str:
        if word.startswith("$(date"):
            return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        if word == "ns1.tdc.bank.example":
            return self.lab.bind.address
        old, new = ([*self.digests, "", ""])[:2]
        return {"OLD": old, "NEW": new}.get(word, word)

    def dns(self, name: str, kind: str) -> list[str]:
        """What a resolver gets."""
        query = dns.message.make_query(f"{name}.{ZONE}", kind)
        answer = dns.query.tcp(query, "127.0.0.1", port=self.lab.bind.port, timeout=10)
        return sorted(each.to_text().strip('"') for found in answer.answer for each in found)

    def machines(self) -> list[str]:
        """The VirtualMachines that the API server has: what Flux applied."""
        found = self.lab.api.get(self.lab.api.path_of(API, "VirtualMachine", "fleet"))["items"]
        return sorted(each["metadata"]["name"] for each in found if "deletionTimestamp" not in each["metadata"])

    def await_machines(self, digest: str) -> None:
        """Wait until Flux applied one machine a node, made from a digest."""
        short = digest.removeprefix("sha256:")[:12]
        wanted = [f"{node}-{short}" for node in _NODES]

        def there() -> bool:
            return self.machines() == wanted

        path = self.lab.api.path_of("kustomize.toolkit.fluxcd.io/v1", "Kustomization", SPACE)
        try:
            wait_until(there, Deadline.after(_FLUX_SECONDS), what=f"{wanted} in the cluster", every=0.5)
        except Exception as error:
            said = json.dumps([each.get("status") for each in self.lab.api.get(path)["items"]], indent=1)
            raise AssertionError(f"{error}\n{self.machines()}\n{said[-4000:]}") from error


def prepare(clone: Clone) -> None:
    """What the section takes as given: fleet file, hook, an operator's key, a policy; committed."""
    clone.git("config", "user.email", "ann@example.org")
    clone.git("config", "user.name", "Ann")
    key = fresh_pair()
    (clone.root / "operator_ed25519").write_text(key.private)
    (clone.root / "operator_ed25519").chmod(0o600)
    config = {"stages": {"initramfs": [{"name": "operators", "authorized_keys": {"kairos": [key.public]}}]}}
    program = shlex.join(clone.argv())
    hook = block("sh").replace("imagekit provision", f"PYTHONPATH={shlex.quote(str(ROOT))} {program} provision")
    files = {
        "policy.yaml": POLICY,
        "fleet/lab.yaml": block("yaml").replace("REGISTRY", clone.registry),
        "cloud-config/operators.yaml": f"#cloud-config\n{json.dumps(config)}\n",
        "hooks/health": hook,
    }
    for name, text in files.items():
        path = clone.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (clone.root / "hooks" / "health").chmod(0o755)
    exclude = clone.root / ".git" / "info" / "exclude"
    exclude.parent.mkdir(exist_ok=True)
    with exclude.open("a") as stream:
        stream.write("fleet.kubeconfig\ntsig.key\noperator_ed25519\n*.html\n*.qcow2\n*.sha256\n")
    clone.git("add", "policy.yaml", "fleet", "cloud-config", "hooks")
    clone.git("commit", "-qm", "a lab")


@pytest.fixture
def story(clone: Clone, tmp_path: Path) -> Iterator[Story]:
    before = clone.git("rev-parse", "HEAD").strip()
    prepare(clone)
    key = f'key "imagekit" {{\n\talgorithm hmac-sha256;\n\tsecret "{SECRET}";\n}};\n'
    (clone.root / "tsig.key").write_text(key)
    require_programs()
    with ExitStack() as stack:
        stack.callback(clone.git, "reset", "-q", "--hard", before)
        stack.callback(clone.imagekit, "provision", "apply", "--target", "libvirt", "--destroy")
        platform = lab(clone.root / ".git", tmp_path, clone.root / "fleet.kubeconfig")
        yield Story(clone, lambda: stack.enter_context(platform))


def change(clone: Clone) -> None:
    """The next change of the release, committed."""
    path = clone.root / "images/ca-trust/README.md"
    path.write_text(path.read_text() + "\nOne more line.\n")
    clone.git("commit", "-qam", "images: one more line")


@pytest.mark.nightly(minutes=25)
def test_the_section_is_true(story: Story) -> None:
    branch = story.clone.git("rev-parse", "--abbrev-ref", "HEAD").strip()
    for line in commands():
        if line == "imagekit run debian-node" and story.digests:
            change(story.clone)
        done = story.do(line)
        if line.startswith("imagekit disk"):
            story.digests.append(published(story.clone))
        elif line.startswith("git ") and "two nodes" in line:
            story.lab.take(story.clone.root / "provision", branch=branch)
            story.await_machines(story.digests[0])
        elif line.startswith("imagekit provision dns apply"):
            names_answer(story, story.digests[-1])
        elif line.startswith("imagekit observe"):
            assert all(f"{node}  v" in done.stdout and story.digests[-1] in done.stdout for node in _NODES), done.stdout
        elif line.startswith("imagekit audit --fleet"):
            borne_out(done, story.digests[-1])
        elif line.startswith("imagekit provision roll"):
            story.await_machines(story.digests[-1])
    told(story)
    keep_pages(story.clone)


def published(clone: Clone) -> str:
    """The digest of the last run."""
    last = sorted((clone.work / "runs").glob("*/result.json"))[-1]
    return str(json.loads(last.read_text())["release"]["digest"])


def names_answer(story: Story, digest: str) -> None:
    """Each node's name leads to its address, and says which digest it was made from."""
    for number, node in enumerate(_NODES, start=11):
        assert story.dns(node, "A") == [f"10.20.0.{number}"]
        assert any(digest.removeprefix("sha256:")[:12] in text for text in story.dns(f"_image.{node}", "TXT"))


def borne_out(done: Completed, digest: str) -> None:
    """Both nodes run a digest now, by Git, record and signature; what they said lasts a second, and agrees."""
    for node in _NODES:
        assert re.search(rf"{node}  .*, still\)  (proven|confirmed)  .*{digest}", done.stdout), done.stdout


def told(story: Story) -> None:
    """What must be in the page of one node's whole life: both digests, and that nobody knows what was before."""
    text = story.outputs["audit --node"][0].stdout
    assert all(re.search(rf"confirmed  .*{digest}", text) for digest in story.digests), text
    assert "unknown" in text.split("\n\n")[1].splitlines()[0]
    assert "contradicted" not in text
    subjects = story.clone.git("log", "--format=%s").splitlines()
    waves = [each for each in subjects if each.startswith("fleet: ") and "wave" in each]
    assert len(waves) == 4, waves
    left = json.loads(story.clone.imagekit("provision", "machines", "--json").stdout)
    assert left == []


def keep_pages(clone: Clone) -> None:
    """The pages of the audit, where somebody wants to look at them."""
    folder = os.environ.get("IMAGEKIT_KEEP_PAGES")
    for name in ("before.html", "after.html"):
        page = (clone.root / name).read_text()
        assert "node-1" in page
        if folder:
            (Path(folder) / name).write_text(page)


def test_the_section_names_every_part() -> None:
    named = {" ".join(line.split()[:3]) for line in commands()}
    assert named >= {
        *(
            "imagekit run debian-node",
            "imagekit provision apply",
            "imagekit provision roll",
            "imagekit observe machines",
        ),
        *("imagekit provision dns", "imagekit audit --fleet", "imagekit audit --node", "imagekit promote debian-node"),
    }
