"""What differs between two images is told in a consumer's words, and nothing else is (issue 16, 2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagekit.inventory.compare import ChangeKind, compare
from imagekit.inventory.model import (
    FileFact,
    Group,
    ImageInventory,
    InstalledPackage,
    LayerSize,
    User,
)
from tests.support.inventories import Members, inventory, link, pem, put, status

Edit = Callable[[Members], object]


def kernel(members: Members) -> None:
    del members["usr/lib/modules/6.12.117/modules.dep"]
    put(members, "usr/lib/modules/6.12.118/modules.dep", b"a.ko:\n")
    put(members, "usr/lib/modules/6.12.118/b.ko", b"module")
    put(members, "boot/vmlinuz", b"kernel 118")


def package(members: Members) -> None:
    put(members, "var/lib/dpkg/status", status(curl="8.1-2", bash="5.2-1"))
    put(members, "usr/bin/curl", b"curl 8.1 mended")


def new_package(members: Members) -> None:
    put(members, "var/lib/dpkg/status", status(curl="8.1-1", bash="5.2-1", jq="1.7"))
    put(members, "var/lib/dpkg/info/jq.list", b"/.\n/usr\n/usr/bin\n/usr/bin/jq\n")
    put(members, "usr/bin/jq", b"jq")


def user(members: Members) -> None:
    put(members, "etc/passwd", b"root:x:0:0:root:/root:/bin/bash\nbar:x:1001:4:Bar:/home/bar:/bin/sh\n")


def package_gone(members: Members) -> None:
    put(members, "var/lib/dpkg/status", status(bash="5.2-1"))
    del members["usr/bin/curl"]


def user_with_shadow(members: Members) -> None:
    user(members)
    put(members, "etc/shadow", b"root::1::::::\n")


def keys(members: Members) -> None:
    for number in range(3):
        put(members, f"etc/ssh/host{number}", b"x")


CASES: dict[str, tuple[Edit, list[str]]] = {
    "nothing": (lambda m: None, []),
    "kernel": (kernel, ["kernel 6.12.117 to 6.12.118", "kernel module b added"]),
    "kernel argument": (
        lambda m: put(m, "etc/cos/bootargs.cfg", b'set kernelcmd="console=ttyS0 panic=10 quiet $extra"\n'),
        ["kernel command line: panic=5 to panic=10", "kernel command line: quiet added"],
    ),
    "package": (package, ["package curl 8.1-1 to 8.1-2"]),
    "new package": (new_package, ["package jq 1.7 added"]),
    "package gone": (
        package_gone,
        ["package curl 8.1-1 removed"],
    ),
    "setuid": (
        lambda m: put(m, "usr/bin/x", b"x", mode=0o4755),
        ["new setuid file /usr/bin/x (mode 4755, owner 0:0)"],
    ),
    "setuid no more": (
        lambda m: put(m, "usr/bin/su", b"su", mode=0o755),
        ["/usr/bin/su is no setuid file any more"],
    ),
    "unit": (
        lambda m: link(m, "etc/systemd/system/multi-user.target.wants/foo.service", "/usr/lib/foo.service"),
        ["unit foo.service is enabled now"],
    ),
    "unit off": (
        lambda m: m.pop("etc/systemd/system/multi-user.target.wants/sshd.service"),
        ["unit sshd.service is enabled no more"],
    ),
    "unit masked": (
        lambda m: link(m, "etc/systemd/system/sshd.service", "/dev/null"),
        ["unit sshd.service is masked now"],
    ),
    "user": (user, ["user bar added (uid 1001)"]),
    "member": (
        lambda m: put(m, "etc/group", b"root:x:0:\nadm:x:4:root,bar\n"),
        ["group adm: members root to root,bar"],
    ),
    "sysctl": (
        lambda m: put(m, "etc/sysctl.d/50-ours.conf", b"net/ipv4/ip_forward=1\n"),
        ["sysctl net.ipv4.ip_forward 0 to 1"],
    ),
    "sshd": (
        lambda m: put(m, "etc/ssh/sshd_config", b"PermitRootLogin yes\n"),
        ["sshd now accepts root logins, by password too"],
    ),
    "a remark for sshd": (
        lambda m: put(m, "etc/ssh/sshd_config", b"# no root\nInclude sshd_config.d/*.conf\nPermitRootLogin no\n"),
        ["/etc/ssh/sshd_config changed"],
    ),
    "one file": (lambda m: put(m, "etc/hosts", b"127.0.0.1 localhost\n"), ["/etc/hosts added"]),
    "files": (keys, ["3 files added in /etc/ssh"]),
    "mode": (
        lambda m: put(m, "etc/ssh/sshd_config", b"Include sshd_config.d/*.conf\nPermitRootLogin no\n", mode=0o600),
        ["/etc/ssh/sshd_config: mode 0644 to 0600"],
    ),
    "owner": (
        lambda m: put(m, "etc/ssh/sshd_config", b"Include sshd_config.d/*.conf\nPermitRootLogin no\n", owner=7),
        ["/etc/ssh/sshd_config: owner 0:0 to 7:0"],
    ),
    "shadow beside a user": (
        user_with_shadow,
        ["user bar added (uid 1001)", "/etc/shadow added"],
    ),
    "version": (lambda m: put(m, "etc/kairos-release", b'KAIROS_VERSION="v2"\n'), []),
    "a remark in the release file": (
        lambda m: put(m, "etc/kairos-release", b'KAIROS_VERSION="v1"\n# more\n'),
        ["/etc/kairos-release changed"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_change_is_told_and_nothing_else(case: str, tmp_path: Path) -> None:
    edit, reported = CASES[case]
    found = compare(inventory(tmp_path / "a"), inventory(tmp_path / "b", edit))
    assert [change.text for change in found.changes if change.kind is not ChangeKind.SIZE] == reported
    assert found.equal == (case == "nothing")


def test_authorities_are_told_by_name_and_fingerprint(tmp_path: Path) -> None:
    def other(members: Members) -> None:
        put(members, "etc/ssl/certs/ca-certificates.crt", pem("Two").encode())
        put(members, "usr/local/share/ca-certificates/two.crt", pem("Two").encode())

    found = compare(inventory(tmp_path / "a"), inventory(tmp_path / "b", other))
    removed, added = (change.text for change in found.changes)
    assert removed.startswith("authority CN=One removed (sha256:")
    assert added.startswith("authority CN=Two added (sha256:")
    assert ", expires 20" in added
    assert [each.path for each in found.files if each.after and each.after.kind == "f"] == [
        "etc/ssl/certs/ca-certificates.crt",
        "usr/local/share/ca-certificates/two.crt",
    ]


def test_what_matters_most_stands_first(tmp_path: Path) -> None:
    edits = [edit for edit, _ in CASES.values()]
    found = compare(inventory(tmp_path / "a"), inventory(tmp_path / "b", *edits))
    order = list(ChangeKind)
    assert [each.kind for each in found.changes] == sorted((each.kind for each in found.changes), key=order.index)
    assert found.changes[0].kind is ChangeKind.KERNEL


def bare(**more: object) -> ImageInventory:
    """An inventory of nothing but what the test names."""
    fields = {"digest": "sha256:" + "0" * 64, "units": {}, "sysctls": {}, "files": {}, **more}
    return ImageInventory(**fields)  # type: ignore[arg-type]  # what a test names is of the right type


def test_capabilities_are_a_privilege() -> None:
    ping = FileFact("f", 0o755, 0, 0, 9, "c")
    a, b = bare(files={"usr/bin/ping": ping}), bare(files={"usr/bin/ping": ping._replace(capabilities="cap_net_raw")})
    assert [each.text for each in compare(a, b).changes] == ["/usr/bin/ping: no privileges to cap_net_raw"]
    assert [each.text for each in compare(b, a).changes] == ["/usr/bin/ping is no privileged file any more"]


@pytest.mark.parametrize(
    ("old", "new", "reported"),
    [
        ({"sssd": 1_000_000}, {"sssd": 15_200_000}, ["+14.2 MB in layer sssd"]),
        ({"sssd": 15_200_000}, {"sssd": 1_000_000}, ["-14.2 MB in layer sssd"]),
        ({"sssd": 1_000_000}, {"sssd": 1_000_010}, []),
        ({}, {"k0s": 2_000_000}, ["layer k0s is new (2.0 MB)"]),
        ({"": 1_000_000}, {"": 3_000_000}, ["+2.0 MB in all layers"]),
        ({"sssd": 1_000_000}, {"": 3_000_000}, ["+2.0 MB in all layers"]),
    ],
)
def test_sizes_are_told_by_layer(old: dict[str, int], new: dict[str, int], reported: list[str]) -> None:
    a, b = (bare(layers=tuple(LayerSize(name, "sha256:0", size) for name, size in each.items())) for each in (old, new))
    assert [each.text for each in compare(a, b).changes] == reported


def test_a_package_of_two_architectures_is_named_with_it() -> None:
    """A second kernel or architecture is neither an update nor hidden behind the first."""
    one = InstalledPackage("libc6", "2.41", "amd64")
    two = compare(bare(packages=(one,)), bare(packages=(one, InstalledPackage("libc6", "2.41", "i386"))))
    assert [each.text for each in two.changes] == ["package libc6:i386 2.41 added"]
    kept = InstalledPackage("kernel", "1", "x86_64")
    more = compare(bare(packages=(kept,)), bare(packages=(kept, kept._replace(version="2"))))
    assert [each.text for each in more.changes] == ["package kernel 2 added"]


_NAMES = st.sampled_from(["a", "b", "c"])
_INVENTORIES = st.builds(
    bare,
    packages=st.lists(st.builds(InstalledPackage, _NAMES, _NAMES, _NAMES), unique=True).map(tuple),
    units=st.dictionaries(_NAMES, st.sampled_from(["enabled (x)", "masked"])),
    sysctls=st.dictionaries(_NAMES, _NAMES),
    arguments=st.lists(_NAMES, unique=True).map(tuple),
    users=st.lists(st.builds(User, _NAMES, st.just(1), st.just(1), _NAMES, _NAMES), unique_by=lambda u: u.name).map(
        tuple
    ),
    groups=st.lists(st.builds(Group, _NAMES, st.just(1), _NAMES), unique_by=lambda g: g.name).map(tuple),
    files=st.dictionaries(
        _NAMES,
        st.builds(FileFact, st.just("f"), st.sampled_from([0o644, 0o4755]), st.just(0), st.just(0), st.just(1), _NAMES),
    ),
)


@settings(max_examples=60, deadline=None)
@given(_INVENTORIES, _INVENTORIES)
def test_both_ways_tell_the_same_and_itself_nothing(a: ImageInventory, b: ImageInventory) -> None:
    assert compare(a, a).equal
    there, back = compare(a, b), compare(b, a)
    mirrored = sorted((c.kind, c.name, c.after, c.before) for c in back.changes if c.kind is not ChangeKind.FILES)
    assert (
        sorted((c.kind, c.name, c.before, c.after) for c in there.changes if c.kind is not ChangeKind.FILES) == mirrored
    )
    assert there.equal == back.equal


@settings(max_examples=60, deadline=None)
@given(_INVENTORIES, _NAMES, _NAMES)
def test_one_sysctl_alone_is_one_change(a: ImageInventory, key: str, value: str) -> None:
    b = replace(a, sysctls={**a.sysctls, key: value})
    reported = [] if a.sysctls.get(key) == value else [ChangeKind.SYSCTL]
    assert [each.kind for each in compare(a, b).changes] == reported


USERS = b"root:x:0:0:root:/root:/bin/bash\nsssd:x:%d:0::/:/bin/false\npolkitd:x:%d:0::/:/bin/false\n"


def test_an_account_with_another_number_is_told_once_and_what_follows_it_not_at_all(tmp_path: Path) -> None:
    def numbered(sssd: int, owner: int) -> Callable[[Members], None]:
        def edit(members: Members) -> None:
            put(members, "etc/passwd", USERS % (sssd, 996))
            for name in ("a", "b", "c"):
                put(members, f"var/lib/sss/{name}", b"x", owner=owner)

        return edit

    found = compare(inventory(tmp_path / "a", numbered(998, 998)), inventory(tmp_path / "b", numbered(997, 997)))
    assert [each.text for each in found.changes] == ["user sssd: uid 998 to 997"]
    assert len(found.files) == 4, "--files tells them all the same"


@pytest.mark.attack
def test_a_file_that_became_anothers_because_the_numbers_moved_is_told(tmp_path: Path) -> None:
    """Two accounts change places and a file keeps its number: not a bit of it changed, and its owner did."""

    def numbered(sssd: int, polkitd: int) -> Callable[[Members], None]:
        def edit(members: Members) -> None:
            put(members, "etc/passwd", USERS % (sssd, polkitd))
            put(members, "var/lib/sss/secret", b"x", owner=998)

        return edit

    found = compare(inventory(tmp_path / "a", numbered(998, 997)), inventory(tmp_path / "b", numbered(997, 998)))
    texts = [each.text for each in found.changes]
    assert "/var/lib/sss/secret: belongs to polkitd:root and no more to sssd:root (number 998:0)" in texts
    assert len(texts) == 3


@pytest.mark.attack
@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda m: put(m, "etc/systemd/system/foo.service", b""), "unit foo.service is masked now"),
        (
            lambda m: put(m, "etc/passwd", b"root::0:0:root:/root:/bin/bash\n"),
            "user root: password none to not asked for",
        ),
        (
            lambda m: put(m, "etc/passwd", b"root:$6$a$b:0:0:root:/root:/bin/bash\n"),
            "user root: password none to readable by all",
        ),
    ],
)
def test_what_other_ways_there_are(tmp_path: Path, edit: Callable[[Members], None], told: str) -> None:
    found = compare(inventory(tmp_path / "a"), inventory(tmp_path / "b", edit))
    assert [each.text for each in found.changes] == [told]


@pytest.mark.attack
@pytest.mark.parametrize(
    ("beside", "hidden", "told"),
    [
        (
            lambda m: link(m, "etc/systemd/system/x.target.wants/sshd.service", "/usr/lib/systemd/system/sshd.service"),
            lambda m: link(m, "etc/systemd/system/sshd.service", "/opt/evil.service"),
            "/etc/systemd/system/sshd.service added",
        ),
        (
            lambda m: put(m, "usr/lib/modules/6.12.118/modules.dep", b"a.ko:\n"),
            lambda m: put(m, "boot/grub/custom.cfg", b"linux /boot/vmlinuz init=/bin/sh\n"),
            "/boot/grub/custom.cfg added",
        ),
        (
            lambda m: put(m, "etc/passwd", USERS % (998, 997)),
            lambda m: put(m, "etc/shadow", b"root::19000:0:99999:7:::\n"),
            "/etc/shadow added",
        ),
    ],
)
def test_nothing_hides_behind_a_change_that_does_not_explain_it(
    tmp_path: Path, beside: Callable[[Members], None], hidden: Callable[[Members], None], told: str
) -> None:
    alone = compare(inventory(tmp_path / "a"), inventory(tmp_path / "b", beside))
    both = compare(inventory(tmp_path / "c"), inventory(tmp_path / "d", beside, hidden))
    assert told in [each.text for each in both.changes]
    assert told not in [each.text for each in alone.changes]
