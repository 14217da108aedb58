"""Planted drift of each kind, told in a consumer's words and nothing else: golden files in tests/data/drift.

`IMAGEKIT_GOLDEN=write` writes them anew; read the change before you commit it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from imagekit.inventory.compare import Comparison, compare
from imagekit.report import differences
from tests.support.inventories import Members, inventory, link, pem, put, status, with_capability

GOLDEN = Path(__file__).parents[2] / "data" / "drift"
HEADS = ("v1 sha256:aaaa", "v2 sha256:bbbb")
Edit = Callable[[Members], object]


def kernel(members: Members) -> None:
    del members["usr/lib/modules/6.12.117/modules.dep"]
    put(members, "usr/lib/modules/6.12.118/modules.dep", b"a.ko:\n")
    put(members, "boot/vmlinuz", b"kernel 118")


def module(members: Members) -> None:
    put(members, "usr/lib/modules/6.12.117/kernel/net/wireguard.ko.xz", b"module")


def package(members: Members) -> None:
    put(members, "var/lib/dpkg/status", status(curl="8.1-2", bash="5.2-1"))
    put(members, "usr/bin/curl", b"curl 8.1 mended")
    put(members, "etc/ld.so.cache", b"of its libraries")


def pam_module(members: Members) -> None:
    put(members, "etc/pam.d/common-auth", b"auth sufficient pam_sss.so use_first_pass\nauth required pam_unix.so\n")


def authority(members: Members) -> None:
    put(members, "etc/ssl/certs/ca-certificates.crt", (pem("One") + pem("Two")).encode())


# A kind of drift: how it is planted. What is told of it stands in the golden file of its name.
DRIFT: dict[str, Edit] = {
    "kernel": kernel,
    "kernel-argument": lambda m: put(m, "etc/cos/bootargs.cfg", b'set kernelcmd="console=ttyS0 panic=10 $extra"\n'),
    "kernel-module": module,
    "package": package,
    "package-added": lambda m: put(m, "var/lib/dpkg/status", status(curl="8.1-1", bash="5.2-1", jq="1.7")),
    "unit-enabled": lambda m: link(m, "etc/systemd/system/multi-user.target.wants/foo.service", "/usr/lib/foo.service"),
    "unit-masked": lambda m: link(m, "etc/systemd/system/sshd.service", "/dev/null"),
    "sysctl": lambda m: put(m, "etc/sysctl.d/50-ours.conf", b"net.ipv4.ip_forward = 1\n"),
    "user": lambda m: put(
        m, "etc/passwd", b"root:x:0:0:root:/root:/bin/bash\nbackup:x:0:0:second root:/root:/bin/sh\n"
    ),
    "group": lambda m: put(m, "etc/group", b"root:x:0:\nadm:x:4:root,operator\n"),
    "setuid": lambda m: put(m, "usr/bin/helper", b"x", mode=0o4755),
    "capability": lambda m: with_capability(m, "usr/bin/curl", b"curl 8.1", 13),
    "authority": authority,
    "sshd-passwords": lambda m: put(m, "etc/ssh/sshd_config.d/10-ours.conf", b"PasswordAuthentication no\n"),
    "sshd-root": lambda m: put(m, "etc/ssh/sshd_config", b"Include sshd_config.d/*.conf\nPermitRootLogin yes\n"),
    "pam": pam_module,
    "file": lambda m: put(m, "etc/motd", b"hello\n"),
    "file-mode": lambda m: put(m, "etc/os-release", b"ID=debian\nVERSION_ID=13\n", mode=0o666),
    "size": lambda m: put(m, "usr/share/large", os.urandom(1_400_000)),
}


def planted(tmp_path: Path, *edits: Edit) -> Comparison:
    return compare(inventory(tmp_path / "a"), inventory(tmp_path / "b", *edits))


def held_to(name: str, text: str) -> None:
    # What a certificate says of itself is made anew for each run.
    steady = re.sub(r"sha256\\?:[0-9a-f]{12}|[0-9a-f]{64}", "sha256:FINGERPRINT", text)
    steady = re.sub(r"expires \d{4}\\?-\d\d\\?-\d\d", "expires DATE", steady)
    steady = re.sub(r"[+-]1\.4 MB in all layers|\"(before|after)\": \"\d{4,}\"", "+1.4 MB in all layers", steady)
    path = GOLDEN / name
    if os.environ.get("IMAGEKIT_GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(steady)
    assert steady == path.read_text()


@pytest.mark.parametrize("kind", DRIFT)
def test_planted_drift_is_told_in_the_right_words_and_nothing_else(kind: str, tmp_path: Path) -> None:
    found = planted(tmp_path, DRIFT[kind])
    held_to(f"{kind}.txt", "".join(f"{change.text}\n" for change in found.changes))


@pytest.mark.parametrize("form", ["txt", "md", "json"])
def test_all_of_it_at_once_in_every_form(form: str, tmp_path: Path) -> None:
    found = planted(tmp_path, *DRIFT.values())
    told = {
        "txt": lambda: differences.as_text(found, HEADS, ("abc base: more",), files=False),
        "md": lambda: differences.as_markdown(found, HEADS, ("abc base: more",), files=False),
        "json": lambda: json.dumps(differences.as_data(found, None, files=False), indent=1),
    }[form]()
    held_to(f"all.{form}", f"{told}\n")


def test_each_kind_is_told_when_all_are_there(tmp_path: Path) -> None:
    """No kind hides behind another: every golden line of a kind stands in the whole."""
    whole = (GOLDEN / "all.txt").read_text()
    # One package database holds one of the two changes.
    shared = {"package"}
    for kind in DRIFT.keys() - shared:
        for line in (GOLDEN / f"{kind}.txt").read_text().splitlines():
            assert line in whole, kind


def test_every_golden_file_is_of_a_kind() -> None:
    names = {f"{kind}.txt" for kind in DRIFT} | {f"all.{form}" for form in ("txt", "md", "json")}
    assert {path.name for path in GOLDEN.iterdir()} == names
