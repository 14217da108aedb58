"""A lock of packages reads back as it was written, line by line, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagekit.config.packagelock import (
    BadLockError,
    LockedAuthority,
    LockedPackage,
    PackageLock,
    as_text,
    load,
    lock_path,
    parse,
)

SUM = "a" * 64
CURL = LockedPackage("base", "curl", "8.1-1", "amd64", SUM, 7, "Debian/trixie/main", "pool/main/c/curl/curl_8.1-1.deb")
LIBC = CURL._replace(stage="distro", name="libc6", version="1:2.41-12+deb13u5~bpo", path="pool/main/g/glibc/libc6.deb")
LOCK = PackageLock(
    image="small-node",
    arch="amd64",
    asked={"distro": ("ca-certificates",), "base": ("curl",), "extra": ()},
    authorities=(LockedAuthority("extra", "b" * 64, "CN=Bänk root,O=Bank AG"),),
    packages=(LIBC, CURL),
)
TEXT = as_text(LOCK)


def test_what_is_written_reads_back() -> None:
    assert parse(TEXT, "x") == LOCK


def test_the_order_of_the_packages_does_not_matter() -> None:
    other = PackageLock(
        image="small-node",
        arch="amd64",
        asked=LOCK.asked,
        authorities=LOCK.authorities,
        packages=(CURL, LIBC),
    )
    assert as_text(other) == TEXT


def test_one_package_is_one_line_of_one_form() -> None:
    assert (
        f"package base curl 8.1-1 amd64 {SUM} 7 Debian/trixie/main pool/main/c/curl/curl_8.1-1.deb" in TEXT.splitlines()
    )


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("", "is no lock"),
        ("version 2\nimage a amd64\nend\n", "is no lock"),
        (TEXT.replace("end\n", ""), "a part of it is missing"),
        (TEXT[: len(TEXT) // 2], "missing|does not read"),
        (TEXT.replace(SUM, SUM[:-1]), "does not read"),
        (TEXT.replace("pool/main/c/curl", "../curl"), "does not read"),
        (TEXT.replace("pool/main/c/curl", "/etc"), "does not read"),
        (TEXT.replace(" 8.1-1 ", " 8.1-1; "), "does not read"),
        (TEXT.replace("package base curl", "package other curl"), "asks for nothing"),
        (TEXT.replace("asks extra\n", "asks\n"), "does not read"),
        (TEXT.replace("end\n", "\n".join([TEXT.splitlines()[-2], "end"])), "stands here twice"),
        (TEXT.replace("end\n", "something else\nend\n"), "does not read"),
    ],
)
def test_a_file_that_was_cut_or_edited_is_refused(broken: str, said: str) -> None:
    with pytest.raises(BadLockError, match=said):
        parse(broken, "images/locks/x.lock")


def test_an_error_names_file_and_line() -> None:
    number = next(number for number, line in enumerate(TEXT.splitlines(), 1) if line.startswith("package distro"))
    with pytest.raises(BadLockError, match=rf"^f\.lock:{number}: "):
        parse(TEXT.replace("package distro", "packet distro"), "f.lock")


def test_the_lock_of_another_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / lock_path("other-node", "amd64")
    path.parent.mkdir(parents=True)
    path.write_text(TEXT)
    with pytest.raises(BadLockError, match="is of small-node on amd64, and not of other-node"):
        load(tmp_path, "other-node", "amd64")
    assert load(tmp_path, "small-node", "amd64") is None


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / lock_path("small-node", "amd64")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadLockError, match="cannot be read"):
        load(tmp_path, "small-node", "amd64")


names = st.text(alphabet="abz09+.-", max_size=8).map("lib".__add__)
versions = st.text(alphabet="aZ09.+~:-", max_size=8).map("1".__add__)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=st.dictionaries(names, versions, max_size=5))
def test_any_packages_read_back(rows: dict[str, str]) -> None:
    packages = tuple(CURL._replace(name=name, version=version) for name, version in rows.items())
    lock = PackageLock(image="n", arch="arm64", asked={"base": tuple(sorted(rows))}, packages=packages)
    again = parse(as_text(lock), "x")
    assert sorted(again.packages) == sorted(packages)
    assert as_text(again) == as_text(lock)


@settings(max_examples=100, deadline=None)
@given(cut=st.integers(min_value=0, max_value=len(TEXT) - 2))
def test_no_beginning_of_a_lock_is_taken_for_one(cut: int) -> None:
    with pytest.raises(BadLockError):
        parse(TEXT[:cut], "x")
