"""The script that fills the trust store, with its paths below a folder: what the distribution has is added once."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from imagekit.base.process import Completed, run
from tests.support.authorities import Authority, certificate

LAYER = Path(__file__).parents[3] / "images/ca-trust"
SETUP, AT_BOOT = LAYER / "setup.sh", LAYER / "tree/system/oem/38_imagekit_trust.yaml"


def pem(name: str) -> str:
    return certificate(Authority(name=name), ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root as update-ca-certificates(8) finds it, with a program that does what that one does to the bundle."""
    for name in ("etc/ssl/certs", "usr/share/ca-certificates/mozilla", "run", "in", "bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "etc/ca-certificates.conf").write_text("mozilla/public.crt\n")
    (tmp_path / "usr/share/ca-certificates/mozilla/public.crt").write_text(pem("Public").replace("\n", "\r\n"))
    bundle = f"{tmp_path}/etc/ssl/certs/ca-certificates.crt"
    update = f"cd {tmp_path}/usr/share/ca-certificates && cat $(cat {tmp_path}/etc/ca-certificates.conf) >{bundle}\n"
    (tmp_path / "bin/update-ca-certificates").write_text(f"#!/bin/sh\n{update}")
    verify = f'for last; do :; done; openssl.real verify -x509_strict -CAfile {bundle} "$last"\n'.replace(
        "openssl.real", "/usr/bin/openssl"
    )
    (tmp_path / "bin/openssl").write_text(f"#!/bin/sh\n{verify}")
    for program in (tmp_path / "bin").iterdir():
        program.chmod(0o755)
    return tmp_path


def trusted(root: Path) -> Completed:
    script = SETUP.read_text()
    for place in (
        "/usr/share/ca-certificates",
        "/usr/share/imagekit",
        "/etc/ssl",
        "/etc/ca-certificates.conf",
        "/run/trusted",
    ):
        script = script.replace(place, f"{root}{place}")
    (root / "setup.sh").write_text(script)
    path = f"{root}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return run(
        ["sh", str(root / "setup.sh"), "debian", str(root / "in")], timeout=60, env={"PATH": path}, ok=range(256)
    )


def bundle(root: Path) -> str:
    return (root / "etc/ssl/certs/ca-certificates.crt").read_text()


def test_an_authority_is_added_beside_the_public_ones(root: Path) -> None:
    corp = pem("Corp")
    (root / "in/corp.pem").write_text(corp)
    done = trusted(root)
    assert done.returncode == 0, done.stderr
    assert corp in bundle(root)
    assert bundle(root).count("BEGIN CERTIFICATE") == 2
    assert (root / "usr/share/imagekit/ca-trust/ca-certificates.crt").read_text() == bundle(root)
    assert "imagekit/corp.crt" in (root / "etc/ca-certificates.conf").read_text().splitlines()


def test_each_boot_puts_the_images_bundle_back(root: Path) -> None:
    """What a node trusts of its own accord, and a link to an authority that an upgrade took away, are gone."""
    (root / "in/corp.pem").write_text(pem("Corp"))
    assert trusted(root).returncode == 0
    right = bundle(root)
    (root / "etc/ssl/certs/ca-certificates.crt").write_text(right + pem("Removed"))
    (root / "etc/ssl/certs/removed.pem").symlink_to(root / "usr/share/ca-certificates/imagekit/removed.crt")
    (root / "etc/ssl/certs/corp.pem").symlink_to(root / "usr/share/ca-certificates/imagekit/corp.crt")
    step = yaml.safe_load(AT_BOOT.read_text())["stages"]["initramfs"][0]
    for command in step["commands"]:
        placed = command.replace("/usr/share/", f"{root}/usr/share/").replace("/etc/ssl", f"{root}/etc/ssl")
        assert run(["sh", "-c", placed], timeout=20).returncode == 0
    assert bundle(root) == right
    assert sorted(path.name for path in (root / "etc/ssl/certs").iterdir()) == ["ca-certificates.crt", "corp.pem"]


@pytest.mark.parametrize(
    ("image", "node", "after"),
    [("right", "right", "right"), ("right", "changed", "right"), ("", "left over", None), ("right", "", "right")],
)
def test_each_boot_puts_the_images_store_of_java_back(root: Path, image: str, node: str, after: str | None) -> None:
    """As the bundle: what a node's own update wrote there would outlast an upgrade that takes an authority away."""
    for name, text in (("etc/ssl/certs/java", node), ("image/ssl/certs/java", image)):
        (root / name).mkdir(parents=True)
        (root / name / "cacerts").write_text(text)
    # A bind mount of /etc shows what is below the persistent directory, without it.
    (root / "bin/mount").write_text(f'#!/bin/sh\n[ "$1" = --bind ] && rmdir "$3" && ln -s {root}/image "$3"\n')
    (root / "bin/umount").write_text('#!/bin/sh\nrm "$1" && mkdir "$1"\n')
    for name in ("mount", "umount"):
        (root / "bin" / name).chmod(0o755)
    step = yaml.safe_load(AT_BOOT.read_text())["stages"]["initramfs"][1]
    placed = [each.replace("/etc", f"{root}/etc").replace("/run/", f"{root}/run/") for each in step["commands"]]
    placed = [each.replace(f"imagekit-{root}/etc", "imagekit-etc") for each in placed]
    assert step["if"] == "[ -d /etc/ssl/certs/java ]"
    for command in placed:
        done = run(["sh", "-c", command], timeout=20, env={"PATH": f"{root}/bin:/usr/bin:/bin"})
        assert done.returncode == 0, done.stderr
    assert list((root / "run/imagekit-etc").iterdir()) == []
    store = root / "etc/ssl/certs/java/cacerts"
    assert (store.read_text() if store.exists() else None) == after


def test_one_that_the_distribution_has_stands_in_the_store_once(root: Path) -> None:
    public = (root / "usr/share/ca-certificates/mozilla/public.crt").read_bytes().replace(b"\r", b"").decode()
    (root / "in/same.pem").write_text(public)
    (root / "in/corp.pem").write_text(pem("Corp"))
    done = trusted(root)
    assert done.returncode == 0, done.stderr
    assert "same.pem is an authority of the distribution already" in done.stderr
    assert bundle(root).count("BEGIN CERTIFICATE") == 2


def test_what_openssl_does_not_trust_afterwards_ends_the_build(root: Path) -> None:
    """The rule keeps this from happening; the build asks all the same, and shows what OpenSSL said."""
    key = ec.generate_private_key(ec.SECP256R1())
    (root / "in/sub.pem").write_text(certificate(Authority(name="Sub", issuer=("Nobody", key)), key))
    done = trusted(root)
    assert done.returncode == 1
    assert "sub.pem is not trusted afterwards" in done.stderr
    assert "unable to get" in done.stderr
