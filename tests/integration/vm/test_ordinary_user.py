"""imagekit as most people have it: libvirt and Docker are root's, and who works is in their groups, without sudo."""

from __future__ import annotations

import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagekit.base.process import Completed, run
from tests.support.ordinaryhost import NAME, UID, OrdinaryHost, ordinary_host

ROOT = Path(__file__).parents[3]
pytestmark = [pytest.mark.vm, pytest.mark.docker]
_IMAGEKIT = "import sys; sys.argv[0] = 'imagekit'; from imagekit.cli import main; main()"
_BOOT = """
import sys
from pathlib import Path
from imagekit.machine.boot import BootRequest, boot
from imagekit.machine.errors import BootFailedError
from tests.integration.vm.test_boot import HARNESS
from tests.support.tinykernel import artifacts

work = Path(sys.argv[1])
request = BootRequest(name="tiny", run_id="t-ordinary", artifacts=artifacts(work, "I am up\\n"), folder=work / "run",
                      harness=HARNESS, limit=3.0, uri="qemu:///system")
try:
    with boot(request):
        print("it booted")
except BootFailedError as error:
    print(error)
"""


class Checkout:
    """A clone of the project in the user's home, and programs run in it by that user, as after a login by systemd."""

    def __init__(self, host: OrdinaryHost) -> None:
        self.host, self.root, self.runtime = host, host.home / "project", host.base / "runtime"
        run(["git", "clone", "-q", ROOT, self.root], timeout=120)
        self.runtime.mkdir(mode=0o700)
        run(["chown", "-R", f"{UID}:{UID}", self.root, self.runtime], timeout=60)

    def python(self, code: str, *arguments: str, seconds: float = 240) -> Completed:
        """Run it there, whatever its exit code."""
        more = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "XDG_RUNTIME_DIR": str(self.runtime)}
        return self.host.run(sys.executable, "-P", "-c", code, *arguments, cwd=self.root, seconds=seconds, **more)


@pytest.fixture(scope="module")
def checkout() -> Iterator[Checkout]:
    with tempfile.TemporaryDirectory(prefix="imagekit-test-", dir="/var/tmp") as name:
        Path(name).chmod(0o711)
        base = Path(name) / "host"
        base.mkdir()
        with ordinary_host(base) as host:
            yield Checkout(host)


@pytest.mark.nightly(minutes=0.5)
def test_a_user_without_root_is_told_what_is_shut_and_boots_a_machine(checkout: Checkout) -> None:
    """The home is shut to libvirt's QEMU; after the command that `doctor` gives all is ready, and a kernel comes up."""
    host = checkout.host
    assert host.run("id", "-nG").stdout.split() == [NAME, "docker", "libvirt"]
    first = checkout.python(_IMAGEKIT, "doctor")
    assert first.returncode == 3, first.stdout + first.stderr
    assert [line.split()[1] for line in first.stdout.splitlines() if line.startswith("broken")] == ["accelerator"]
    said = re.search("`(setfacl [^`]+)`", first.stdout)
    assert said is not None, first.stdout
    assert host.run(*shlex.split(said[1])).returncode == 0
    second = checkout.python(_IMAGEKIT, "doctor")
    assert second.returncode == 0, second.stdout + second.stderr
    booted = checkout.python(_BOOT, str(checkout.root / ".imagekit"))
    assert "I am up" in booted.stdout, booted.stdout + booted.stderr
    strangers = run(["find", host.home, "!", "-user", str(UID)], timeout=120).stdout
    assert strangers == ""


@pytest.mark.nightly(minutes=8)
def test_a_user_without_root_builds_tests_and_publishes(checkout: Checkout) -> None:
    """The whole run of the reference image; what it leaves in the home is the user's, and no machine runs any more."""
    host = checkout.host
    said = re.search("`(setfacl [^`]+)`", checkout.python(_IMAGEKIT, "doctor").stdout)
    if said is not None:  # not said before
        assert host.run(*shlex.split(said[1])).returncode == 0
    ran = checkout.python(_IMAGEKIT, "run", "debian-node", "--floating", seconds=3600)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    verified = checkout.python(_IMAGEKIT, "verify", "debian-node")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert host.run("virsh", "list", "--all", "--name").stdout.split() == []
    strangers = run(["find", host.home, "!", "-user", str(UID)], timeout=120).stdout
    assert strangers == ""
