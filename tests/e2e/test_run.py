"""From a clone to a booted, tested, signed and published node; then again, changed, broken and interrupted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess  # noqa: TID251 - a process that is to be killed from outside
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from imagekit.app.incontainer import check_in_container
from imagekit.base.process import run
from imagekit.base.waiting import Deadline, wait_until
from imagekit.checks.selection import ALL
from imagekit.config.load import load_project
from imagekit.machine.libvirt import connection as hypervisor
from imagekit.machine.libvirt.domains import machines
from imagekit.oci.reference import Reference
from imagekit.registry.client import Registry
from imagekit.services.registry import registry as embedded_registry
from tests.e2e.conftest import IMAGE, Clone, First, environment, last_result

pytestmark = [pytest.mark.vm, pytest.mark.registry, pytest.mark.online]


def tags(clone: Clone) -> tuple[str, ...]:
    with embedded_registry(clone.work, clone.registry), Registry(clone.registry) as client:
        return client.tags(f"imagekit/{IMAGE}")


def test_a_run_ends_with_a_published_digest(first: First) -> None:
    result = first.result
    assert result["verdict"] == "passed"
    assert [stage["status"] for stage in result["stages"]] == ["done"] * len(result["stages"])
    assert {boot["boot_path"] for boot in result["boots"]} == {"direct", "live"}
    outcomes = [check["outcome"] for check in result["suites"]["checks"] if check["required"]]
    assert len(outcomes) >= 120
    assert set(outcomes) == {"passed"}
    assert {check["layer"] for check in result["suites"]["checks"]} == {"base", "k0s", "sssd", "ca-trust"}
    kinds = {row["kind"] for row in result["release"]["evidence"]}
    assert {"https://sigstore.dev/cosign/sign/v1", "https://in-toto.io/attestation/test-result/v0.1"} <= kinds


def test_the_screen_shows_digest_and_report_in_one_screen(first: First) -> None:
    assert first.result["digest"] in first.done.stdout
    assert len(first.done.stdout.splitlines()) <= 24


def test_the_views_are_made(clone: Clone, first: First) -> None:
    folder = clone.work / "runs" / first.result["run_id"]
    page = (folder / "report.html").read_text()
    assert first.result["digest"] in page
    assert "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert (folder / "junit.xml").exists()
    assert (folder / "direct" / "console.log").exists()
    assert (folder / "live" / "console.log").stat().st_size > 0


def test_what_was_published_verifies_from_a_cold_start(clone: Clone, first: First) -> None:
    done = clone.imagekit("verify", first.reference, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {item["name"] for item in found["requirements"]} == {"manifest", "content", "signature", "tests", "sbom"}


@pytest.mark.cosign
def test_stock_cosign_accepts_the_signature(clone: Clone, first: First) -> None:
    cosign = os.environ.get("IMAGEKIT_COSIGN") or shutil.which("cosign")
    if cosign is None:
        pytest.skip("the cosign program is not installed (IMAGEKIT_COSIGN names one)")
    target = Reference.parse(first.reference)
    name = f"{target.name}@{first.result['digest']}"
    key = clone.work / "keys" / "cosign.pub"
    flags = ["--insecure-ignore-tlog", "--allow-http-registry"]
    with embedded_registry(clone.work, clone.registry):
        run([cosign, "verify", "--key", key, *flags, name], timeout=60)
        kind = "https://in-toto.io/attestation/test-result/v0.1"
        run([cosign, "verify-attestation", "--key", key, "--type", kind, *flags, name], timeout=60)


def outcomes(checks: Iterable[Mapping[str, Any]], ids: Collection[str]) -> dict[str, str]:
    return {check["id"]: check["outcome"] for check in checks if check["id"] in ids}


def in_container(clone: Clone) -> dict[str, str]:
    """What is found in a container of the image as it is in the clone."""
    _, result = check_in_container(load_project(clone.root), IMAGE, ALL)
    return {check.id: str(check.outcome) for check in result.checks}


def test_in_a_container_every_check_that_may_be_asked_there_ends_as_on_the_machine(clone: Clone, first: First) -> None:
    found = in_container(clone)
    assert len(found) >= 60
    for boot_path in ("direct", "live"):
        ids = {f"{boot_path}:{name}": outcome for name, outcome in found.items()}
        assert outcomes(first.result["suites"]["checks"], ids) == ids


def test_the_same_inputs_again_do_nothing(clone: Clone, first: First) -> None:
    before = tags(clone)
    done = clone.imagekit("run", IMAGE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Nothing changed since")
    assert first.result["digest"] in done.stdout
    assert "▸ Boot" not in done.stderr
    assert tags(clone) == before


def test_a_change_at_the_top_rebuilds_the_top(pristine: Clone, first: First) -> None:
    path = pristine.root / "images/ca-trust/layer.yaml"
    path.write_text(path.read_text() + "# one line\n")
    done = pristine.imagekit("build", IMAGE, "--json")
    assert done.returncode == 0, done.stderr
    layers = {layer["name"]: layer["reused"] for layer in json.loads(done.stdout)["layers"]}
    assert [layers[name] for name in ("base", "k0s", "sssd")] == [True, True, True]
    assert json.loads(done.stdout)["digest"] != first.result["digest"]


def test_a_dockerfile_that_fails_is_named_with_its_layer(pristine: Clone, first: First) -> None:
    path = pristine.root / "images/sssd/Dockerfile"
    path.write_text(path.read_text() + "RUN echo no-such-thing-here >&2 && false\n")
    before = tags(pristine)
    done = pristine.imagekit("run", IMAGE)
    assert done.returncode == 1
    assert "layer 'sssd' did not build" in done.stdout
    assert last_result(pristine)["failure"]["stage"] == "build"
    assert "no-such-thing-here" in last_result(pristine)["failure"]["hint"]
    assert not list((pristine.work / "builds").glob(".*"))
    assert tags(pristine) == before


def test_what_is_declared_and_not_there_is_found(pristine: Clone, first: First) -> None:
    path = pristine.root / "images/k0s/layer.yaml"
    path.write_text(path.read_text().replace("/usr/bin/k0s\n", "/usr/bin/k0s\n    - /usr/bin/k1s\n"))
    done = pristine.imagekit("build", IMAGE)
    assert done.returncode == 1
    assert "k0s: file /usr/bin/k1s" in done.stderr


# One thing broken in each layer: appended to what the layer's own Dockerfile does.
BROKEN = {
    "base": "RUN echo br_netfilter > /etc/modules-load.d/imagekit-kubernetes.conf\n",
    "k0s": "RUN systemctl enable k0sworker.service\n",
    "sssd": "RUN sed -i 's/ sss//' /etc/nsswitch.conf\n",
    "ca-trust": "RUN chmod 0600 /etc/ssl/certs/ca-certificates.crt\n",
}


# Of these the container says so too; module lists and enabled units are for a kernel and a service manager.
SEEN_IN_A_CONTAINER = ("sssd", "ca-trust")


# One layer at every change: the one nearest to a person's login. The others take a build and a boot each.
@pytest.mark.parametrize(
    "layer",
    [pytest.param(name, marks=[] if name == "sssd" else pytest.mark.nightly(minutes=2)) for name in BROKEN],
)
def test_a_broken_layer_is_caught_by_its_own_suite(pristine: Clone, first: First, layer: str) -> None:
    path = pristine.root / "images" / layer / "Dockerfile"
    path.write_text(path.read_text() + BROKEN[layer])
    before = tags(pristine)
    done = pristine.imagekit("run", IMAGE)
    assert done.returncode == 1, done.stdout + done.stderr[-3000:]
    result = last_result(pristine)
    assert result["failure"]["stage"] == "checks direct"
    failed = {check["layer"] for check in result["suites"]["checks"] if check["outcome"] != "passed"}
    assert layer in failed
    assert result["release"] is None
    assert tags(pristine) == before
    ids = {f"direct:{name}": outcome for name, outcome in in_container(pristine).items()}
    assert outcomes(result["suites"]["checks"], ids) == ids
    if layer in SEEN_IN_A_CONTAINER:
        assert set(ids.values()) > {"passed"}


def _heed_interrupts() -> None:
    """A shell lets what it starts in the background ignore Ctrl-C, these tests among it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _booting(clone: Clone, process: subprocess.Popen[bytes]) -> int:
    """The process id of QEMU once it runs for the process: as early as can be, while libvirt still starts it."""

    def look() -> int:
        assert process.poll() is None, "ended before its machine ran"
        with hypervisor.connection() as opened:
            owned = [machine.name for machine in machines(opened) if machine.pid == process.pid]
        found = [pid for name in owned for pid in _pids(name)]
        return found[0] if found else 0

    return int(wait_until(look, Deadline.after(60), what="a machine of the process", every=0.02))


def _pids(domain: str) -> list[int]:
    done = run(["pgrep", "-f", f"guest={domain}"], timeout=10, ok=(0, 1))
    return [int(line) for line in done.stdout.split()]


def _gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminated"])
def test_an_interrupt_leaves_nothing(clone: Clone, first: First, number: signal.Signals) -> None:
    argv, env = clone.argv("test", IMAGE, "--again"), {**os.environ, **environment()}
    with subprocess.Popen(argv, env=env, preexec_fn=_heed_interrupts) as process:
        qemu = _booting(clone, process)
        process.send_signal(number)
        assert process.wait(30) == 130
    assert _gone(qemu)
    assert last_result(clone)["failure"]["error"] == "interrupted"


def test_a_killed_run_is_found_and_removed(clone: Clone, first: First) -> None:
    with subprocess.Popen(clone.argv("shell", IMAGE, "--", "true"), env={**os.environ, **environment()}) as process:
        qemu = _booting(clone, process)
        process.kill()
    removed = clone.imagekit("clean")
    assert removed.returncode == 0, removed.stderr
    assert _gone(qemu)
    assert "/runs/" in removed.stdout
    assert clone.imagekit("clean").stdout == "nothing to remove\n"


def test_a_shell_runs_a_command_on_the_node(clone: Clone, first: First) -> None:
    done = clone.imagekit("shell", IMAGE, "--", "cat", "/etc/kairos-release")
    assert done.returncode == 0, done.stderr
    assert f'KAIROS_VERSION="{first.result["version"]}"' in done.stdout.replace("KAIROS_VERSION=v", 'KAIROS_VERSION="v')
