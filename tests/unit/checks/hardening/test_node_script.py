"""What node.sh looks at on an installed node, whose persistent paths lie on their partition a second time."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.base.process import run
from imagekit.checks.hardening import collect

SCRIPT = Path(collect.__file__).parent / "node.sh"
MOUNTS = ("/", "/usr/local", "/usr/libexec", "/home", "/etc/ssl/certs")
BOUND = (
    "/.state/usr-libexec.bind /usr/libexec",
    "/.state/home.bind /home",
    "/.state/home.bind /srv/home",
    "/.state/var-lib-x-y.bind /var/lib/x/y",
    "/ /usr/local",
)
CAPABILITIES = (
    "/usr/libexec/sssd/krb5_child cap_setgid,cap_setuid=p",
    "/usr/local/.state/usr-libexec.bind/sssd/krb5_child cap_setgid,cap_setuid=p",
    "/usr/local/.state/usr-libexec-bind/tool cap_net_raw=ep",
    "/usr/local/.state/old.bind/tool cap_net_raw=ep",
    "/var/lib/k0s/containerd/x cap_net_raw=ep",
    "/usr/bin/ping cap_net_raw=ep",
)


def quoted(lines: tuple[str, ...]) -> str:
    return " ".join(f"'{line}'" for line in lines)


def asked(folder: Path, bound: tuple[str, ...]) -> tuple[str, list[str]]:
    """What the first sections say on a node with these mounts, and what find was given."""
    programs = {
        "findmnt": f"case $* in *FSROOT*) printf '%s\\n' {quoted(bound)} ;; *) printf '%s\\n' {quoted(MOUNTS)} ;; esac",
        "find": f'printf "%s\\n" "$@" >>{folder}/given',
        "getcap": f"printf '%s\\n' {quoted(CAPABILITIES)}",
    }
    for name, body in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    text = SCRIPT.read_text().partition("\ns modprobe\n")[0]
    done = run(["sh", "-c", text], timeout=30, env={"PATH": f"{folder}:/usr/bin:/bin"})
    return done.stdout, (folder / "given").read_text().split("\n")


def test_what_is_bound_to_its_place_is_looked_at_there_alone(tmp_path: Path) -> None:
    said, given = asked(tmp_path, BOUND)
    capabilities = said.partition("\036capabilities\n")[2].splitlines()
    assert capabilities == [CAPABILITIES[0], CAPABILITIES[2], CAPABILITIES[3], CAPABILITIES[5], "ok"]
    pruned = [given[at + 1] for at, word in enumerate(given) if word == "-path"]
    assert {"/usr/local/.state/usr-libexec.bind", "/usr/local/.state/home.bind"} < set(pruned)
    assert not {"/usr/local/.state/old.bind", "/usr/local/.state/var-lib-x-y.bind"} & set(pruned)
    assert {"/", "/usr/local", "/usr/libexec", "/home"} <= set(given[: given.index("-xdev")])


@pytest.mark.parametrize("bound", [("/ /",), ("/ /", "/.state/x/y.bind /x", "/state/x.bind /x", "/.state/x /x")])
def test_a_node_that_binds_nothing_is_looked_at_whole(tmp_path: Path, bound: tuple[str, ...]) -> None:
    said, given = asked(tmp_path, bound)
    capabilities = said.partition("\036capabilities\n")[2].splitlines()
    assert capabilities == [line for line in CAPABILITIES if "containerd" not in line] + ["ok"]
    assert not [word for word in given if word.startswith("/usr/local/.state")]


def test_modprobe_is_asked_of_the_modules_that_there_are(tmp_path: Path) -> None:
    programs = {
        "find": "printf '%s' '/sctp.ko.xz /firewire-core.ko /udf_iconv.ko /xrds.ko /hfsplus.ko.zst '",
        "modprobe": f'echo "$3" >>{tmp_path}/given\n'
        "case $3 in sctp) echo install /bin/false ;; *) echo insmod a; echo insmod b ;; esac",
    }
    for name, body in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    head, _, tail = SCRIPT.read_text().partition("\ns privileged\n")
    text = f"{head}\ns modprobe\n" + tail.partition("\ns modprobe\n")[2].partition("\ns login")[0]
    done = run(["sh", "-c", text], timeout=30, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    told = done.stdout.partition("\036modprobe\n")[2].splitlines()
    assert {"sctp 1 install /bin/false;", "firewire_core 1 insmod a;insmod b;"} < set(told)
    assert {"udf 0 ", "hfs 0 ", "rds 0 "} < set(told)
    assert (len(told), told[-1]) == (13, "ok")
    assert (tmp_path / "given").read_text().split() == ["hfsplus", "firewire_core", "sctp"]


@pytest.mark.parametrize(("more", "whole"), [("", True), ("mkdir d", False), ("rm *", False)])
def test_pam_counts_when_every_file_was_read(tmp_path: Path, more: str, whole: bool) -> None:
    (tmp_path / "su").write_text("auth required pam_wheel.so\n# a: remark\n")
    (tmp_path / "login").write_text("session optional pam_umask.so")
    text = SCRIPT.read_text().partition("\ns pam;")[2].partition("\n")[0].replace("/etc/pam.d", str(tmp_path))
    done = run(["sh", "-c", f"ok() {{ echo ok; }}; cd {tmp_path}; {more}\n{text}"], timeout=30, ok=range(256))
    lines = done.stdout.splitlines()
    assert (lines[-1:] == ["ok"]) is whole
    if whole:
        assert lines[:-1] == ["login:session optional pam_umask.so", "su:auth required pam_wheel.so", "su:# a: remark"]
